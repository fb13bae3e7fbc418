package com.example.chat

import android.app.Application
import dev.steadfast.android.SteadfastAndroid

class App : Application() {
    lateinit var steadfast: SteadfastAndroid

    override fun onCreate() {
        super.onCreate()
        steadfast = SteadfastAndroid.start(this)
    }
}
