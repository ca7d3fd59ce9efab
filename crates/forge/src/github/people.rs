//! Who somebody is: we ourselves, somebody with write access, or a stranger,
//! whose words steer nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Deserialize;

use crate::error::Error;

use super::rows::{self, User};
use super::wire::{Wire, lock};

/// Look-ups of one process; who comes after them counts as a stranger.
const MOST_LOOK_UPS: usize = 200;

/// What is known of people, for the life of a process.
#[derive(Debug, Default)]
pub(super) struct People {
    writers: Mutex<BTreeMap<String, bool>>,
    own_login: Mutex<Option<Option<String>>>,
}

#[derive(Deserialize)]
struct Permission {
    permission: String,
}

impl People {
    /// Whether somebody may write to the repository.
    pub(super) async fn may_write(&self, wire: &Wire, user: &User) -> Result<bool, Error> {
        let known = lock(&self.writers).get(&user.login).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        if lock(&self.writers).len() >= MOST_LOOK_UPS {
            wire.tell_once("too many people wrote in the issues; replies of more are not read");
            return Ok(false);
        }
        let may_write = match look_up(wire, &user.login).await {
            Ok(may_write) => may_write,
            Err(Error::Forbidden { right, .. }) => {
                wire.tell_once(&format!(
                    "the token may not ask who has write access ({right}): nobody's reply counts"
                ));
                false
            }
            Err(Error::StillRefused { .. }) => false,
            Err(error) => return Err(error),
        };
        lock(&self.writers).insert(user.login.clone(), may_write);
        Ok(may_write)
    }

    /// Whether what somebody wrote may be ours: by the token's own account, by
    /// an app where the token is one, or by somebody with write access, as when
    /// the token was another one yesterday.
    pub(super) async fn is_ours(&self, wire: &Wire, user: Option<&User>) -> Result<bool, Error> {
        let Some(user) = user else { return Ok(false) };
        match self.own_login(wire).await? {
            Some(own) if own == user.login => Ok(true),
            None if user.is_bot() => Ok(true),
            _ => self.may_write(wire, user).await,
        }
    }

    /// The token's account; none where it is an app.
    pub(super) async fn own_login(&self, wire: &Wire) -> Result<Option<String>, Error> {
        let known = lock(&self.own_login).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let action = "ask whose token it is";
        let answer = wire.ask("/user".to_owned(), action).await?;
        let login = match answer.status {
            200 => Some(rows::read::<User>(answer)?.login),
            403 | 404 => None,
            _ => return Err(wire.refusal(&answer, action, false)),
        };
        *lock(&self.own_login) = Some(login.clone());
        Ok(login)
    }
}

async fn look_up(wire: &Wire, login: &str) -> Result<bool, Error> {
    let action = "look up who has write access";
    let path = format!("{}/collaborators/{}/permission", wire.repository_path(), segment(login));
    let answer = wire.ask(path, action).await?;
    match answer.status {
        200 => {
            let right = rows::read::<Permission>(answer)?.permission;
            Ok(matches!(right.as_str(), "admin" | "maintain" | "write"))
        }
        404 => Ok(false),
        _ => Err(wire.refusal(&answer, action, false)),
    }
}

/// A name as a segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

impl Wire {
    /// Where everything of the repository begins.
    pub(super) fn repository_path(&self) -> String {
        format!("/repos/{}/{}", segment(&self.settings.owner), segment(&self.settings.name))
    }
}
