package dev.steadfast.sample

import android.content.Context
import android.content.res.ColorStateList
import android.graphics.Typeface
import android.graphics.drawable.GradientDrawable
import android.text.InputType
import android.view.Gravity
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.LinearLayout.LayoutParams
import android.widget.ProgressBar
import android.widget.ScrollView
import android.widget.TextView

/** Colours of every page. */
internal object Colors {
    const val PAPER = 0xFFFFFFFF.toInt()
    const val CARD = 0xFFF3F5F9.toInt()
    const val INK = 0xFF1B1D22.toInt()
    const val QUIET = 0xFF5A6070.toInt()
    const val ACCENT = 0xFF1C58D9.toInt()
    const val GOOD = 0xFF1E7A46.toInt()
    const val WARNING = 0xFF9A5B00.toInt()
    const val BAD = 0xFFB3261E.toInt()
    const val NOTE = 0xFFFDF1DC.toInt()
}

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
    const val BUTTON = 50
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
            background = rounded(Colors.CARD)
            build()
        }.also { put(it, Gaps.BETWEEN) }

internal fun LinearLayout.text(
    text: String,
    size: Float = Sizes.BODY,
    color: Int = Colors.INK,
): TextView =
    TextView(context)
        .apply {
            this.text = text
            textSize = size
            setTextColor(color)
            if (size != Sizes.BODY) typeface = Typeface.DEFAULT_BOLD
        }.also { put(it, Gaps.SMALL) }

internal fun LinearLayout.heading(text: String): TextView = text(text, Sizes.HEADING).also { it.setPadding(0, dp(Gaps.INSIDE), 0, 0) }

/** Why the page is shown. Gone until there is something to say. */
internal fun LinearLayout.message(): TextView = note(Colors.INK, Colors.NOTE)

/** What went wrong. Gone until something does. */
internal fun LinearLayout.problem(): TextView = note(Colors.BAD, Colors.CARD)

private fun LinearLayout.note(
    ink: Int,
    paper: Int,
): TextView =
    TextView(context)
        .apply {
            textSize = Sizes.BODY
            setTextColor(ink)
            background = rounded(paper)
            val gap = dp(Gaps.INSIDE)
            setPadding(gap, gap, gap, gap)
            accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
            visibility = View.GONE
        }.also { put(it, Gaps.BETWEEN) }

internal fun LinearLayout.banner(): TextView =
    TextView(context)
        .apply {
            setTextColor(Colors.PAPER)
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
            contentDescription = hint
            inputType = type
            // No typeface of its own for passwords.
            if (type and InputType.TYPE_TEXT_VARIATION_PASSWORD != 0) typeface = Typeface.DEFAULT
            setSingleLine()
        }.also { put(it, Gaps.BETWEEN) }

internal fun LinearLayout.button(
    text: String,
    act: (View) -> Unit,
): Button = anyButton(text, Colors.PAPER, Colors.ACCENT, act)

internal fun LinearLayout.quietButton(
    text: String,
    act: (View) -> Unit,
): Button = anyButton(text, Colors.ACCENT, Colors.CARD, act)

private fun LinearLayout.anyButton(
    text: String,
    ink: Int,
    paper: Int,
    act: (View) -> Unit,
): Button =
    Button(context)
        .apply {
            this.text = text
            isAllCaps = false
            textSize = Sizes.BODY
            setTextColor(ink)
            background = rounded(paper)
            stateListAnimator = null
            setOnClickListener(act)
        }.also {
            val place = LayoutParams(LayoutParams.MATCH_PARENT, dp(Gaps.BUTTON))
            place.topMargin = dp(Gaps.BETWEEN)
            addView(it, place)
        }

/** A button that is no more than its text. */
internal fun LinearLayout.link(
    text: String,
    act: (View) -> Unit,
): TextView =
    text(text, color = Colors.ACCENT).apply {
        val gap = dp(Gaps.BETWEEN)
        setPadding(0, gap, gap, gap)
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
            setTextColor(if (chosen) Colors.PAPER else Colors.ACCENT)
            background = rounded(if (chosen) Colors.ACCENT else Colors.CARD)
            val gap = dp(Gaps.BETWEEN)
            setPadding(gap, gap, gap, gap)
            isSelected = chosen
            isClickable = true
            setOnClickListener(act)
        }.also {
            val place = LayoutParams(LayoutParams.WRAP_CONTENT, LayoutParams.WRAP_CONTENT)
            place.setMargins(dp(Gaps.BETWEEN), dp(Gaps.BETWEEN), 0, dp(Gaps.BETWEEN))
            addView(it, place)
        }

internal fun LinearLayout.progress(): ProgressBar =
    ProgressBar(context)
        .apply { indeterminateTintList = ColorStateList.valueOf(Colors.ACCENT) }
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

private fun View.rounded(color: Int) =
    GradientDrawable().apply {
        setColor(color)
        cornerRadius = dp(Gaps.ROUND).toFloat()
    }

private fun View.dp(size: Int): Int = (size * resources.displayMetrics.density).toInt()

private fun Context.dp(size: Int): Int = (size * resources.displayMetrics.density).toInt()
