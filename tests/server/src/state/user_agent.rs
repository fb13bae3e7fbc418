//! Session properties from a `User-Agent`, as
//! `server/channels/app/user_agent.go` in mattermost/mattermost derives them
//! with the uasurfer library (checked against a running 11.6).

use super::settings::Flavour;
use std::collections::BTreeMap;

const MOBILE_APP: &str = "Mattermost Mobile/";

/// The `platform`, `os`, `browser` and `isMobile` properties of a login.
pub(crate) fn session_props(user_agent: &str, flavour: Flavour) -> BTreeMap<String, String> {
    let mut props = recognised(user_agent);
    if flavour.is_classic() {
        forget_what_is_newer(&mut props, user_agent);
    }
    props
}

/// 5.37 does not know the official app, calls what it does not know Windows,
/// and never takes a browser for a phone (seen on a running server).
fn forget_what_is_newer(props: &mut BTreeMap<String, String>, user_agent: &str) {
    let mut put = |name: &str, value: &str| drop(props.insert(name.into(), value.into()));
    put("isMobile", "false");
    if user_agent.contains(MOBILE_APP) {
        put("browser", "Desktop App/0.0");
        let (platform, os) = if user_agent.contains("iPad;") || user_agent.contains("iPadOS") {
            ("iPad", "iOS")
        } else if user_agent.contains("Android") {
            ("Linux", "Android")
        } else {
            ("Windows", "")
        };
        put("platform", platform);
        put("os", os);
    } else if props["platform"] == "Unknown" {
        props.insert("platform".into(), "Windows".into());
    }
}

fn recognised(user_agent: &str) -> BTreeMap<String, String> {
    let (platform, os) = platform_and_os(user_agent);
    let is_mobile = matches!(platform, "iPhone" | "iPad" | "iPod" | "Windows Phone")
        || os == "Android"
        || os == "iOS";
    BTreeMap::from(
        [
            ("browser", browser(user_agent)),
            ("isMobile", is_mobile.to_string()),
            ("isOAuthUser", "false".to_owned()),
            ("isSaml", "false".to_owned()),
            ("is_guest", "false".to_owned()),
            ("os", os.to_owned()),
            ("platform", platform.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

fn platform_and_os(user_agent: &str) -> (&'static str, &'static str) {
    let lower = user_agent.to_lowercase();
    if user_agent.contains(MOBILE_APP) {
        return if user_agent.contains("iPhone") {
            ("iPhone", "iOS")
        } else if user_agent.contains("iPad") {
            ("iPad", "iOS")
        } else {
            ("Linux", "Android")
        };
    }
    if lower.starts_with("mattermost mobile/") {
        return ("Unknown", "");
    }
    if lower.contains("windows phone") {
        return ("Windows Phone", "Windows Phone");
    }
    if lower.contains("ipad") {
        return ("iPad", "iOS");
    }
    if lower.contains("iphone") {
        return ("iPhone", "iOS");
    }
    if lower.contains("ipod") {
        return ("iPod", "iOS");
    }
    if lower.contains("android") {
        return ("Linux", "Android");
    }
    if lower.contains("windows") {
        return ("Windows", windows_release(&lower));
    }
    if lower.contains("macintosh") {
        return ("Macintosh", "Mac OS");
    }
    if lower.contains("darwin") {
        return ("Macintosh", "");
    }
    if lower.contains("cros") {
        return ("Linux", "Chrome OS");
    }
    if lower.contains("linux") {
        return ("Linux", "Linux");
    }
    ("Unknown", "")
}

fn windows_release(lower: &str) -> &'static str {
    let releases = [
        ("windows nt 10", "Windows 10"),
        ("windows nt 6.3", "Windows 8.1"),
        ("windows nt 6.2", "Windows 8"),
        ("windows nt 6.1", "Windows 7"),
        ("windows nt 6.0", "Windows Vista"),
        ("windows nt 5.1", "Windows XP"),
    ];
    releases
        .iter()
        .find(|(sign, _)| lower.contains(sign))
        .map_or("Windows", |(_, name)| name)
}

fn browser(user_agent: &str) -> String {
    if let Some(version) = version_after(user_agent, MOBILE_APP) {
        return format!("Mobile App/{version}");
    }
    for product in ["Mattermost/", "Electron/"] {
        if let Some(version) = version_after(user_agent, product) {
            return format!("Desktop App/{version}");
        }
    }
    if let Some(version) = version_after(user_agent, "mmctl/") {
        return format!("mmctl/{version}");
    }
    let known = [
        ("Edg/", "Edge"),
        ("Edge/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
    ];
    for (product, name) in known {
        if let Some(version) = version_after(user_agent, product) {
            return format!("{name}/{}", short_version(version));
        }
    }
    if user_agent.contains("AppleWebKit/") {
        let version = version_after(user_agent, "Version/").map(str::to_owned);
        let version = version.or_else(|| system_version(user_agent));
        if let Some(version) = version {
            return format!("Safari/{}", short_version(&version));
        }
    }
    "Unknown/0.0".to_owned()
}

fn version_after<'a>(user_agent: &'a str, product: &str) -> Option<&'a str> {
    let (_, rest) = user_agent.split_once(product)?;
    let version = rest.split([' ', ';', ')']).next().unwrap_or_default();
    Some(version.get(..128).unwrap_or(version))
}

/// The version of iOS in a web view that names no browser.
fn system_version(user_agent: &str) -> Option<String> {
    let (_, rest) = user_agent.split_once("OS ")?;
    let version: String = rest
        .chars()
        .take_while(|letter| letter.is_ascii_digit() || *letter == '_')
        .collect();
    (!version.is_empty()).then(|| version.replace('_', "."))
}

/// `major.minor`, and the patch level where it is not zero.
fn short_version(version: &str) -> String {
    let mut parts = version.split('.');
    let mut next = || parts.next().filter(|part| !part.is_empty()).unwrap_or("0");
    let (major, minor, patch) = (next(), next(), next());
    if patch == "0" {
        format!("{major}.{minor}")
    } else {
        format!("{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_props(user_agent: &str, platform: &str, os: &str, browser: &str, is_mobile: &str) {
        let props = session_props(user_agent, Flavour::V11);
        let seen = ["platform", "os", "browser", "isMobile"].map(|name| props[name].as_str());
        assert_eq!(seen, [platform, os, browser, is_mobile], "{user_agent}");
    }

    #[test]
    fn the_official_app_is_recognised() {
        let app = "Mobile App/2.43.0+799";
        let prefix = "Mattermost Mobile/2.43.0+799";
        assert_props(
            &format!("{prefix} (iOS; 18.5; iPhone)"),
            "iPhone",
            "iOS",
            app,
            "true",
        );
        assert_props(
            &format!("{prefix} (Android; 15; Pixel 9)"),
            "Linux",
            "Android",
            app,
            "true",
        );
        assert_props(
            &format!("{prefix} (iPadOS; 18.5; iPad Pro (11-inch))"),
            "iPad",
            "iOS",
            app,
            "true",
        );
        assert_props(
            "mattermost mobile/2.43.0",
            "Unknown",
            "",
            "Unknown/0.0",
            "false",
        );
    }

    #[test]
    fn desktops_browsers_and_web_views_are_recognised() {
        assert_props(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/130.0.6723.191 Electron/33.4.11 Safari/537.36 Mattermost/5.12.1",
            "Windows",
            "Windows 10",
            "Desktop App/5.12.1",
            "false",
        );
        assert_props(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51",
            "Windows",
            "Windows 10",
            "Edge/131.0.2903",
            "false",
        );
        assert_props(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 12_5 like Mac OS X) AppleWebKit/605.1.15 \
             (KHTML, like Gecko) Mobile/15E148",
            "iPhone",
            "iOS",
            "Safari/12.5",
            "true",
        );
        assert_props(
            "Mozilla/5.0 (Linux; Android 5.1.1; Nexus 5 Build/LMY48B; wv) AppleWebKit/537.36 \
             (KHTML, like Gecko) Version/4.0 Chrome/43.0.2357.65 Mobile Safari/537.36",
            "Linux",
            "Android",
            "Chrome/43.0.2357",
            "true",
        );
        assert_props(
            "Mattermost/799 CFNetwork/1568.300.101 Darwin/24.2.0",
            "Macintosh",
            "",
            "Desktop App/799",
            "false",
        );
        assert_props(
            "mmctl/11.6.0 (linux)",
            "Linux",
            "Linux",
            "mmctl/11.6.0",
            "false",
        );
        assert_props("", "Unknown", "", "Unknown/0.0", "false");
    }
}
