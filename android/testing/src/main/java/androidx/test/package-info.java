/**
 * What Robolectric asks of androidx.test, written here: that library is in no repository of Maven's own.
 */
package androidx.test;
