//! The closed list of templates. A file that is not on it replaces nothing,
//! and saying so catches the misspelt name that would otherwise be ignored.

/// One replaceable template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Analysis,
    Plan,
    Review,
    ManualTask,
    FailedItem,
    Blocked,
    Recovery,
    DegradedReview,
    Question,
    DamagedState,
    Progress,
    PullRequest,
}

impl Name {
    pub(crate) const ALL: [Self; 12] = [
        Self::Analysis,
        Self::Plan,
        Self::Review,
        Self::ManualTask,
        Self::FailedItem,
        Self::Blocked,
        Self::Recovery,
        Self::DegradedReview,
        Self::Question,
        Self::DamagedState,
        Self::Progress,
        Self::PullRequest,
    ];

    /// The file names, in the order of `ALL`.
    pub(crate) const FILES: [&'static str; 12] = [
        "analysis.yaml.j2",
        "plan.yaml.j2",
        "review.yaml.j2",
        "manual_task.md.j2",
        "failed_item.md.j2",
        "blocked.md.j2",
        "recovery.md.j2",
        "degraded_review.md.j2",
        "question.md.j2",
        "damaged_state.md.j2",
        "progress.md.j2",
        "pull_request.md.j2",
    ];

    pub(crate) const fn file(self) -> &'static str {
        Self::FILES[self as usize]
    }

    pub(crate) const fn built_in(self) -> &'static str {
        match self {
            Self::Analysis => include_str!("../templates/analysis.yaml.j2"),
            Self::Plan => include_str!("../templates/plan.yaml.j2"),
            Self::Review => include_str!("../templates/review.yaml.j2"),
            Self::ManualTask => include_str!("../templates/manual_task.md.j2"),
            Self::FailedItem => include_str!("../templates/failed_item.md.j2"),
            Self::Blocked => include_str!("../templates/blocked.md.j2"),
            Self::Recovery => include_str!("../templates/recovery.md.j2"),
            Self::DegradedReview => include_str!("../templates/degraded_review.md.j2"),
            Self::Question => include_str!("../templates/question.md.j2"),
            Self::DamagedState => include_str!("../templates/damaged_state.md.j2"),
            Self::Progress => include_str!("../templates/progress.md.j2"),
            Self::PullRequest => include_str!("../templates/pull_request.md.j2"),
        }
    }
}
