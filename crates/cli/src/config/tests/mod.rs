//! Configs as a person writes them, and what belay makes of them or says about them.

use super::*;

#[test]
fn nothing_at_all_is_a_config() {
    let loaded = load(None, &Environment::default()).unwrap();
    for role in Role::ALL {
        assert!(loaded.config.chain(role).is_empty());
    }
}
