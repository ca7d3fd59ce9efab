//! What git answers a remote that asks who is there, where nothing else does.
//!
//! The failure this prevents: a job has a token, but a checkout keeps it only
//! in a file, where the project's own commands find it. Given to git in its
//! environment, for calls to remotes on that server and no others, it stands
//! in no file. No other helper is asked meanwhile: git would have it save what
//! was used, and one that knows an older login would be asked first.

use std::fmt;

/// A name and a password for one server.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The server, as in `https://github.com`: nobody else is told.
    pub server: String,
    /// The name.
    pub name: String,
    /// The password, or a token.
    pub password: String,
}

/// What holds them in git's environment.
const NAME: &str = "BELAY_LOGIN_NAME";
const PASSWORD: &str = "BELAY_LOGIN_PASSWORD";

/// A helper that git starts itself, with what is asked for as its argument.
const HELPER: &str = r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$BELAY_LOGIN_NAME" "$BELAY_LOGIN_PASSWORD"; }; f"#;

impl Login {
    /// What git's environment must hold.
    pub(crate) fn environment(&self) -> [(String, String); 9] {
        let key = |number: usize| format!("GIT_CONFIG_KEY_{number}");
        let value = |number: usize| format!("GIT_CONFIG_VALUE_{number}");
        let own = format!("credential.{}.helper", self.server);
        [
            ("GIT_CONFIG_COUNT".to_owned(), "3".to_owned()),
            // An empty one ends the list that stands before it.
            (key(0), "credential.helper".to_owned()),
            (value(0), String::new()),
            (key(1), own.clone()),
            (value(1), String::new()),
            (key(2), own),
            (value(2), HELPER.to_owned()),
            (NAME.to_owned(), self.name.clone()),
            (PASSWORD.to_owned(), self.password.clone()),
        ]
    }
}

impl Login {
    /// Whether an address, without what it holds of a login itself, is on the server.
    pub(crate) fn is_for(&self, url: &str) -> bool {
        url.strip_prefix(&self.server).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, name, password: _ } = self;
        f.debug_struct("Login").field("server", server).field("name", name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_a_login_has_no_password() {
        let login = Login {
            server: "https://github.com".to_owned(),
            name: "x-access-token".to_owned(),
            password: "hidden".to_owned(),
        };
        assert!(!format!("{login:?}").contains("hidden"));
    }
}
