package dev.steadfast.sample

import android.content.Context
import android.content.res.ColorStateList
import android.content.res.Configuration
import android.graphics.Typeface
import android.graphics.drawable.GradientDrawable
import android.text.InputType
import android.view.Gravity
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.LinearLayout.LayoutParams
import android.widget.ProgressBar
import android.widget.ScrollView
import android.widget.TextView

/** Colours of every page, by day and by night. What is written on `ACCENT`, or on a banner, is `PAPER`. */
internal enum class Tone(
    val day: Int,
    val night: Int,
) {
    PAPER(0xFFFFFFFF.toInt(), 0xFF14161B.toInt()),
    CARD(0xFFF3F5F9.toInt(), 0xFF23262E.toInt()),
    INK(0xFF1B1D22.toInt(), 0xFFE6E8EE.toInt()),
    QUIET(0xFF5A6070.toInt(), 0xFFA9B0C0.toInt()),
    ACCENT(0xFF1C58D9.toInt(), 0xFF8FB4FF.toInt()),
    GOOD(0xFF1E7A46.toInt(), 0xFF6FCF97.toInt()),
    WARNING(0xFF9A5B00.toInt(), 0xFFF0B45A.toInt()),
    BAD(0xFFB3261E.toInt(), 0xFFFF9C94.toInt()),
    NOTE(0xFFFDF1DC.toInt(), 0xFF3A3120.toInt()),
}

/** The system shows everything dark. */
internal val Context.isNight: Boolean
    get() = resources.configuration.uiMode and Configuration.UI_MODE_NIGHT_MASK == Configuration.UI_MODE_NIGHT_YES

internal fun Context.color(tone: Tone): Int = if (isNight) tone.night else tone.day

/** Numbers that no resource has. */
private const val FIELD_IDS = 0xFFFFFF

/** Sizes of text, in scaled pixels. */
internal object Sizes {
    const val TITLE = 26f
    const val LARGE = 18f
    const val HEADING = 17f
    const val BODY = 15f
}

/** Distances, in density-independent pixels. */
private object Gaps {
    const val PAGE = 24
    const val INSIDE = 14
    const val BETWEEN = 10
    const val SMALL = 4
    const val ROUND = 10

    /** The least that a finger hits. */
    const val TOUCH = 48
}

internal fun Context.column(build: LinearLayout.() -> Unit): LinearLayout =
    LinearLayout(this).apply {
        orientation = LinearLayout.VERTICAL
        build()
    }

/** A page that scrolls where the screen is too small for it. */
internal fun Context.scrolling(build: LinearLayout.() -> Unit): ScrollView =
    ScrollView(this).apply {
        isFillViewport = true
        addView(
            column {
                val gap = dp(Gaps.PAGE)
                setPadding(gap, gap, gap, gap)
                build()
            },
        )
    }

internal fun LinearLayout.column(build: LinearLayout.() -> Unit = {}): LinearLayout = context.column(build).also { put(it, 0) }

internal fun LinearLayout.card(build: LinearLayout.() -> Unit): LinearLayout =
    context
        .column {
            val gap = dp(Gaps.INSIDE)
            setPadding(gap, gap, gap, gap)
            background = rounded(Tone.CARD)
            build()
        }.also { put(it, Gaps.BETWEEN) }

internal fun LinearLayout.text(
    text: String,
    size: Float = Sizes.BODY,
    tone: Tone = Tone.INK,
): TextView =
    TextView(context)
        .apply {
            this.text = text
            textSize = size
            setTextColor(context.color(tone))
            if (size != Sizes.BODY) typeface = Typeface.DEFAULT_BOLD
        }.also { put(it, Gaps.SMALL) }

internal fun LinearLayout.heading(text: String): TextView = text(text, Sizes.HEADING).also { it.setPadding(0, dp(Gaps.INSIDE), 0, 0) }

/** Why the page is shown. Gone until there is something to say. */
internal fun LinearLayout.message(): TextView = note(Tone.INK, Tone.NOTE)

/** What went wrong. Gone until something does. */
internal fun LinearLayout.problem(): TextView = note(Tone.BAD, Tone.CARD)

private fun LinearLayout.note(
    ink: Tone,
    paper: Tone,
): TextView =
    TextView(context)
        .apply {
            textSize = Sizes.BODY
            setTextColor(context.color(ink))
            background = rounded(paper)
            val gap = dp(Gaps.INSIDE)
            setPadding(gap, gap, gap, gap)
            accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
            visibility = View.GONE
        }.also { put(it, Gaps.BETWEEN) }

internal fun LinearLayout.banner(): TextView =
    TextView(context)
        .apply {
            setTextColor(context.color(Tone.PAPER))
            gravity = Gravity.CENTER
            val gap = dp(Gaps.SMALL)
            setPadding(gap, gap, gap, gap)
            accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
        }.also { put(it, 0) }

internal fun LinearLayout.field(
    hint: String,
    type: Int,
): EditText =
    EditText(context)
        .apply {
            this.hint = hint
            setTextColor(context.color(Tone.INK))
            setHintTextColor(context.color(Tone.QUIET))
            backgroundTintList = ColorStateList.valueOf(context.color(Tone.ACCENT))
            inputType = type
            if (type and InputType.TYPE_TEXT_VARIATION_PASSWORD != 0) {
                // No typeface of its own for passwords, and none is kept by the system with the state of the screen.
                typeface = Typeface.DEFAULT
                isSaveEnabled = false
            }
            // With an id the system keeps what was typed when it makes the activity anew.
            id = hint.hashCode() and FIELD_IDS
            minHeight = dp(Gaps.TOUCH)
            setSingleLine()
        }.also { put(it, Gaps.BETWEEN) }

internal fun LinearLayout.button(
    text: String,
    act: (View) -> Unit,
): Button = anyButton(text, Tone.PAPER, Tone.ACCENT, act)

internal fun LinearLayout.quietButton(
    text: String,
    act: (View) -> Unit,
): Button = anyButton(text, Tone.ACCENT, Tone.CARD, act)

private fun LinearLayout.anyButton(
    text: String,
    ink: Tone,
    paper: Tone,
    act: (View) -> Unit,
): Button =
    Button(context)
        .apply {
            this.text = text
            isAllCaps = false
            textSize = Sizes.BODY
            setTextColor(context.color(ink))
            background = rounded(paper)
            stateListAnimator = null
            minHeight = dp(Gaps.TOUCH)
            setOnClickListener(act)
        }.also { put(it, Gaps.BETWEEN) }

/** A button that is no more than its text. */
internal fun LinearLayout.link(
    text: String,
    act: (View) -> Unit,
): TextView =
    text(text, tone = Tone.ACCENT).apply {
        val gap = dp(Gaps.BETWEEN)
        setPadding(0, gap, gap, gap)
        minHeight = dp(Gaps.TOUCH)
        gravity = Gravity.CENTER_VERTICAL
        isClickable = true
        isFocusable = true
        setOnClickListener(act)
    }

/** One of several to choose from. */
internal fun LinearLayout.tab(
    text: String,
    chosen: Boolean,
    act: (View) -> Unit,
): TextView =
    TextView(context)
        .apply {
            this.text = text
            textSize = Sizes.BODY
            setTextColor(context.color(if (chosen) Tone.PAPER else Tone.ACCENT))
            background = rounded(if (chosen) Tone.ACCENT else Tone.CARD)
            val gap = dp(Gaps.BETWEEN)
            setPadding(gap, gap, gap, gap)
            minHeight = dp(Gaps.TOUCH)
            gravity = Gravity.CENTER_VERTICAL
            isSelected = chosen
            isClickable = true
            isFocusable = true
            setOnClickListener(act)
        }.also {
            val place = LayoutParams(LayoutParams.WRAP_CONTENT, LayoutParams.WRAP_CONTENT)
            place.setMargins(dp(Gaps.BETWEEN), dp(Gaps.BETWEEN), 0, dp(Gaps.BETWEEN))
            addView(it, place)
        }

internal fun LinearLayout.progress(): ProgressBar =
    ProgressBar(context)
        .apply { indeterminateTintList = ColorStateList.valueOf(context.color(Tone.ACCENT)) }
        .also { put(it, 0) }

/** Says it, or is gone. */
internal fun TextView.showOrHide(text: String?) {
    this.text = text
    visibility = if (text == null) View.GONE else View.VISIBLE
}

private fun LinearLayout.put(
    view: View,
    above: Int,
) {
    val place = LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.WRAP_CONTENT)
    place.topMargin = dp(above)
    addView(view, place)
}

private fun View.rounded(tone: Tone) =
    GradientDrawable().apply {
        setColor(context.color(tone))
        cornerRadius = dp(Gaps.ROUND).toFloat()
    }

private fun View.dp(size: Int): Int = (size * resources.displayMetrics.density).toInt()

private fun Context.dp(size: Int): Int = (size * resources.displayMetrics.density).toInt()
