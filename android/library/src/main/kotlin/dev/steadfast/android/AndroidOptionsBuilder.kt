package dev.steadfast.android

import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.Config
import dev.steadfast.core.KeyStore
import dev.steadfast.core.Message
import java.util.function.Function
import java.util.function.UnaryOperator

/** [AndroidOptions] for callers in Java, who say only what differs from the defaults. */
public class AndroidOptionsBuilder {
    private val defaults = AndroidOptions()
    private var keyStore = defaults.keyStore
    private var trustUserAuthorities = defaults.trustUserAuthorities
    private var translate = defaults.translate
    private var showNotifications = defaults.showNotifications
    private var checkInBackground = defaults.checkInBackground
    private var certificates = defaults.certificates
    private var configure = defaults.configure

    /** As [AndroidOptions.keyStore]; null for the Android Keystore. */
    public fun keyStore(keyStore: KeyStore?): AndroidOptionsBuilder = apply { this.keyStore = keyStore }

    /** As [AndroidOptions.trustUserAuthorities]. */
    public fun trustUserAuthorities(trust: Boolean): AndroidOptionsBuilder = apply { trustUserAuthorities = trust }

    /** As [AndroidOptions.translate]. */
    public fun translate(translate: Function<Message, String>): AndroidOptionsBuilder = apply { this.translate = translate::apply }

    /** As [AndroidOptions.showNotifications]. */
    public fun showNotifications(show: Boolean): AndroidOptionsBuilder = apply { showNotifications = show }

    /** As [AndroidOptions.checkInBackground]. */
    public fun checkInBackground(check: Boolean): AndroidOptionsBuilder = apply { checkInBackground = check }

    /** As [AndroidOptions.certificates]; null for none. */
    public fun certificates(certificates: ClientCertificates?): AndroidOptionsBuilder = apply { this.certificates = certificates }

    /** As [AndroidOptions.configure]; a [dev.steadfast.ConfigBuilder] begins with what it is given. */
    public fun configure(configure: UnaryOperator<Config>): AndroidOptionsBuilder = apply { this.configure = configure::apply }

    /** As they stand now. */
    public fun build(): AndroidOptions =
        AndroidOptions(
            keyStore = keyStore,
            trustUserAuthorities = trustUserAuthorities,
            translate = translate,
            showNotifications = showNotifications,
            checkInBackground = checkInBackground,
            certificates = certificates,
            configure = configure,
        )
}
