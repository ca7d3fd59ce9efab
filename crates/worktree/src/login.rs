//! What git answers a remote that asks who is there, where nothing else does.
//!
//! The failure this prevents: a job has a token, but a checkout keeps it only
//! in a file, where the project's own commands find it. Given to git in its
//! environment, for calls to a remote and no others, it stands in no file. Git
//! asks it last, so whoever has a login of their own pushes with that.

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
    pub(crate) fn environment(&self) -> [(String, String); 5] {
        [
            ("GIT_CONFIG_COUNT".to_owned(), "1".to_owned()),
            ("GIT_CONFIG_KEY_0".to_owned(), format!("credential.{}.helper", self.server)),
            ("GIT_CONFIG_VALUE_0".to_owned(), HELPER.to_owned()),
            (NAME.to_owned(), self.name.clone()),
            (PASSWORD.to_owned(), self.password.clone()),
        ]
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
