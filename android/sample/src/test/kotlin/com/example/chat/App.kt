package com.example.chat

import android.app.Application
import dev.steadfast.android.SteadfastAndroid
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.launch

class App : Application() {
    lateinit var steadfast: SteadfastAndroid

    override fun onCreate() {
        super.onCreate()
        steadfast = SteadfastAndroid.start(this)
        MainScope().launch { steadfast.core.obligations.collectLatest { owed -> owed.forEach { erase(it.id) } } }
    }

    /** First erase what you stored of its account (this app stores nothing), then say so. */
    private suspend fun erase(obligation: Long) {
        try {
            steadfast.core.acknowledgeObligation(obligation)
        } catch (_: SteadfastException) {
            // Not taken down, as on a full disk: it is owed again when the app starts the next time.
        }
    }
}
