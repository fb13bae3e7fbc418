//! User accounts, their access tokens and their second factor.

use super::ids::new_id;
use super::settings::Flavour;
use serde_json::{Map, Value, json};
use totp_rs::{Builder, Secret, Totp};

/// `auth_service` of a user of the directory.
pub(crate) const LDAP: &str = "ldap";
/// `auth_service` of a guest who is mailed links.
pub(crate) const MAGIC_LINK: &str = "magic_link";

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// System administrator.
    Admin,
    /// Ordinary member.
    User,
    /// Ordinary member who may also create personal access tokens.
    UserWithAccessTokens,
    /// Guest.
    Guest,
}

impl Role {
    fn names(self) -> &'static str {
        match self {
            Self::Admin => "system_admin system_user",
            Self::User => "system_user",
            Self::UserWithAccessTokens => "system_user system_user_access_token",
            Self::Guest => "system_guest",
        }
    }
}

/// How much of a user a reader is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// The user's own account.
    Own,
    /// Another account, read by an administrator.
    Administrator,
    /// Another account, read by an ordinary member.
    Member,
}

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) nickname: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) roles: String,
    pub(crate) password: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) last_password_update: i64,
    pub(crate) failed_attempts: u32,
    pub(crate) is_bot: bool,
    /// Who vouches for the user in place of a password; empty: the password does.
    pub(crate) auth_service: String,
    pub(crate) email_verified: bool,
    /// The server that the user is at home at; empty: this one.
    pub(crate) remote_id: String,
    pub(crate) status: String,
    pub(crate) second_factor: SecondFactor,
}

/// The time-based one-time codes of a user.
#[derive(Clone, Default)]
pub(crate) struct SecondFactor {
    pub(crate) active: bool,
    secret: Option<Secret>,
    last_step: Option<u64>,
}

/// A personal access token.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) user_id: String,
    pub(crate) description: String,
    pub(crate) is_active: bool,
}

/// Why a one-time code was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeError {
    /// Not six digits, or none given.
    Malformed,
    /// Wrong, or of a step that was used already.
    Wrong,
}

impl User {
    pub(crate) fn new(username: &str, password: &str, role: Role, now: i64) -> Self {
        let username = username.to_lowercase();
        let mut letters = username.chars();
        let first_name = letters.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(letters).collect()
        });
        Self {
            id: new_id(),
            email: format!("{username}@example.com"),
            nickname: String::new(),
            first_name,
            last_name: "Test".into(),
            roles: role.names().into(),
            password: password.into(),
            create_at: now,
            update_at: now,
            delete_at: 0,
            last_password_update: now,
            failed_attempts: 0,
            is_bot: false,
            auth_service: String::new(),
            email_verified: true,
            remote_id: String::new(),
            status: "offline".into(),
            second_factor: SecondFactor::default(),
            username,
        }
    }

    pub(crate) fn bot(username: &str, now: i64) -> Self {
        let mut bot = Self::new(username, "", Role::User, now);
        bot.email = format!("{}@localhost", bot.username);
        bot.is_bot = true;
        bot.last_name = String::new();
        bot
    }

    /// The bot in whose name a server itself speaks.
    pub(crate) fn system_bot(now: i64) -> Self {
        let mut bot = Self::bot("system-bot", now);
        bot.first_name = "System".into();
        bot
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.roles.split(' ').any(|role| role == "system_admin")
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.roles.split(' ').any(|role| role == "system_guest")
    }

    /// Whether it is single sign-on that vouches for the user.
    pub(crate) fn uses_single_sign_on(&self) -> bool {
        !["", LDAP, MAGIC_LINK].contains(&self.auth_service.as_str())
    }

    pub(crate) fn may_create_access_tokens(&self) -> bool {
        self.is_admin()
            || self
                .roles
                .split(' ')
                .any(|role| role == "system_user_access_token")
    }

    /// `Etag` of the account as Mattermost computes it.
    pub(crate) fn etag(&self, flavour: Flavour) -> String {
        let version = flavour.version();
        format!("{version}.{}.{}..0.true.true.0", self.id, self.update_at)
    }

    /// Whether a search term is the start of one of the account's words.
    pub(crate) fn matches(&self, term: &str) -> bool {
        let term = term.to_lowercase();
        let term = term.trim_start_matches('@');
        [
            &self.username,
            &self.nickname,
            &self.first_name,
            &self.last_name,
            &self.email,
        ]
        .into_iter()
        .any(|field| {
            let field = field.to_lowercase();
            field.starts_with(term)
                || field
                    .split(|letter: char| !letter.is_alphanumeric())
                    .any(|word| !term.is_empty() && word.starts_with(term))
        })
    }

    /// The JSON object, keys in the order of the wire.
    pub(crate) fn json(&self, view: View, flavour: Flavour) -> Value {
        let classic = flavour.is_classic();
        let mut user = Map::new();
        let mut put = |key: &str, value: Value| {
            user.insert(key.to_owned(), value);
        };
        put("id", json!(self.id));
        put("create_at", json!(self.create_at));
        put("update_at", json!(self.update_at));
        put("delete_at", json!(self.delete_at));
        put("username", json!(self.username));
        if view == View::Member || classic {
            put("auth_data", json!(""));
        }
        put("auth_service", json!(self.auth_service));
        put("email", json!(self.email));
        put("nickname", json!(self.nickname));
        put("first_name", json!(self.first_name));
        put("last_name", json!(self.last_name));
        put("position", json!(""));
        put("roles", json!(self.roles));
        if view == View::Own || (view == View::Administrator && !classic) {
            put("notify_props", notify_props(flavour));
        }
        if view == View::Own {
            put("last_password_update", json!(self.last_password_update));
            if self.failed_attempts > 0 {
                put("failed_attempts", json!(self.failed_attempts));
            }
        }
        put("locale", json!("en"));
        put(
            "timezone",
            json!({"automaticTimezone": "", "manualTimezone": "", "useAutomaticTimezone": "true"}),
        );
        if self.second_factor.active {
            put("mfa_active", json!(true));
        }
        if self.is_bot {
            put("is_bot", json!(true));
        } else if !classic {
            put("remote_id", json!(self.remote_id));
        }
        put("disable_welcome_email", json!(false));
        Value::Object(user)
    }
}

fn notify_props(flavour: Flavour) -> Value {
    if flavour.is_classic() {
        return json!({
            "channel": "true", "comments": "never", "desktop": "mention", "desktop_sound": "true",
            "email": "true", "first_name": "false", "mention_keys": "", "push": "mention",
            "push_status": "away"
        });
    }
    json!({
        "channel": "true", "comments": "never", "desktop": "mention", "desktop_sound": "true",
        "desktop_threads": "all", "email": "true", "email_threads": "all", "first_name": "false",
        "mention_keys": "", "push": "mention", "push_status": "online", "push_threads": "all"
    })
}

impl SecondFactor {
    /// Draws a new secret, in base32, and forgets the old one.
    pub(crate) fn generate(&mut self) -> String {
        let mut bytes = [0_u8; 20];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        let secret = Secret::from(bytes.to_vec());
        let text = secret.to_base32();
        *self = Self {
            active: false,
            secret: Some(secret),
            last_step: None,
        };
        text
    }

    /// The code of a moment, for tests that play the authenticator.
    pub(crate) fn code_at(&self, now_ms: i64) -> Option<String> {
        Some(self.totp()?.generate(now_ms as u64 / 1000).to_string())
    }

    /// Checks a code. 11.6 uses it up: neither it nor an earlier step's is
    /// taken again; 5.37 takes both (seen on running servers).
    pub(crate) fn accept(
        &mut self,
        code: &str,
        now_ms: i64,
        flavour: Flavour,
    ) -> Result<(), CodeError> {
        let code = code.trim();
        if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeError::Malformed);
        }
        let totp = self.totp().ok_or(CodeError::Malformed)?;
        let step = totp
            .check(code, now_ms as u64 / 1000)
            .ok_or(CodeError::Wrong)?;
        if !flavour.is_classic() && self.last_step.is_some_and(|last| step <= last) {
            return Err(CodeError::Wrong);
        }
        self.last_step = Some(step);
        Ok(())
    }

    fn totp(&self) -> Option<Totp> {
        Some(
            Builder::new()
                .with_secret(self.secret.clone()?)
                .build_noncompliant(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_works_once_and_the_next_one_works_later() {
        let v11 = Flavour::V11;
        let mut factor = SecondFactor::default();
        factor.generate();
        let now = 1_700_000_000_000;
        let code = factor.code_at(now).unwrap();
        assert_eq!(factor.accept(&code, now, v11), Ok(()));
        assert_eq!(factor.accept(&code, now, v11), Err(CodeError::Wrong));
        let later = factor.code_at(now + 30_000).unwrap();
        assert_eq!(
            factor.accept(&format!(" {later} "), now + 30_000, v11),
            Ok(())
        );
        assert_eq!(factor.accept("abc", now, v11), Err(CodeError::Malformed));
        assert_eq!(factor.accept("", now, v11), Err(CodeError::Malformed));
        let again = factor.accept(&code, now, Flavour::V5);
        assert_eq!(again, Ok(()), "5.37 takes an old code again");
    }

    #[test]
    fn a_search_finds_beginnings_of_words() {
        assert!(User::system_bot(0).matches("bo"));
        assert!(User::new("bob", "", Role::User, 0).matches("bo"));
        assert!(!User::new("alice", "", Role::User, 0).matches("bo"));
    }
}
