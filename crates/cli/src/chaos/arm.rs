//! The arms: the same ideas and faults with more and more of the protections switched on, and the
//! config that says so. Everything that is not named here is the same in all of them.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// Which protections are on.
#[derive(ValueEnum, Serialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Arm {
    /// One model a role, no breaker, all or nothing, no template, one process.
    None,
    /// Three models a role.
    Failover,
    /// And a circuit breaker for each.
    FailoverBreaker,
    /// And partial success, templates, and later processes that go on.
    Everything,
}

impl Arm {
    /// Whether a later process goes on with what an earlier one left.
    pub(crate) fn resumes(self) -> bool {
        self == Self::Everything
    }

    fn fails_over(self) -> bool {
        self >= Self::Failover
    }

    fn breaks(self) -> bool {
        self >= Self::FailoverBreaker
    }

    /// Its config, for models at this address. All pauses are short: a minute of a real one is a
    /// tenth of a second here.
    pub(crate) fn config(self, base_url: &str) -> String {
        let (fails_over, breaks, all) = (self.fails_over(), self.breaks(), self.resumes());
        format!(
            r#"providers:
  a: {{ kind: openai, base_url: "{base_url}" }}
  b: {{ kind: openai, base_url: "{base_url}" }}
  c: {{ kind: openai, base_url: "{base_url}" }}
roles:
  planner:  {{ chain: [a/a-planner, b/b-planner, c/c-planner] }}
  coder:    {{ chain: [a/a-coder, b/b-coder, c/c-coder] }}
  reviewer: {{ chain: [a/a-reviewer, b/b-reviewer, c/c-reviewer] }}
failover: {{ enabled: {fails_over}, first_token_timeout: 2s, idle_timeout: 2s, retry_after_wait: 50ms, max_wait: 300ms }}
circuit_breaker: {{ enabled: {breaks}, reset_timeout: 100ms, max_reset_timeout: 200ms, monitoring_window: 1s }}
degradation: {{ enabled: {all} }}
partial_success: {{ enabled: {all} }}
run: {{ parallel: 3, timeout: 5m, setup_command: none, test_command: none, confine: off }}
commit: {{ author: "belay chaos <chaos@belay.invalid>", hooks: false, sign: false }}
github: {{ enabled: false }}
"#
        )
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Failover => "failover",
            Self::FailoverBreaker => "failover+breaker",
            Self::Everything => "everything",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_arm_switches_on_what_the_one_before_has_and_more() {
        let on = |arm: Arm| arm.config("http://127.0.0.1:1/v1").matches("enabled: true").count();
        let counts: Vec<usize> = Arm::value_variants().iter().copied().map(on).collect();
        assert_eq!(counts, [0, 1, 2, 4]);
        let resuming = Arm::value_variants().iter().filter(|arm| arm.resumes());
        assert_eq!(resuming.count(), 1);
    }

    #[test]
    fn arms_differ_in_nothing_but_their_switches() {
        let plain = |arm: Arm| arm.config("http://x/v1").replace("true", "false");
        let configs = Arm::value_variants().iter().copied().map(plain);
        assert!(configs.into_iter().all(|config| config == plain(Arm::None)));
    }
}
