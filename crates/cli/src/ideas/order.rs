//! The order in which ideas are taken: by priority, then by number, then by name.
//!
//! People write a priority in many words, and one that is not understood must
//! not bury an idea: it counts as if there were none.

use agents::Idea;

/// What an idea without a priority counts as.
const USUAL: u64 = 2;

/// What ideas are sorted by; the least is taken first.
pub(super) fn of(idea: &Idea) -> (u64, u64, String) {
    let rank = idea.priority.as_deref().and_then(rank).unwrap_or(USUAL);
    (rank, number(&idea.id).unwrap_or(u64::MAX), idea.id.clone())
}

/// The number that an id begins with.
pub(super) fn number(id: &str) -> Option<u64> {
    let digits = id.find(|c: char| !c.is_ascii_digit()).unwrap_or(id.len());
    id.get(..digits)?.parse().ok()
}

/// `high`, `P1` and `1` are the same.
fn rank(word: &str) -> Option<u64> {
    let word = word.trim().to_lowercase();
    match word.as_str() {
        "critical" | "urgent" | "blocker" | "highest" => Some(0),
        "high" => Some(1),
        "medium" | "normal" | "moderate" => Some(USUAL),
        "low" | "minor" => Some(3),
        "lowest" | "trivial" => Some(4),
        word => word.strip_prefix('p').unwrap_or(word).parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idea(id: &str, priority: Option<&str>) -> Idea {
        let idea = Idea::parse(id, "# Title").expect("an idea");
        Idea { priority: priority.map(str::to_owned), ..idea }
    }

    #[test]
    fn ideas_are_taken_by_priority_then_number_then_name() {
        let mut ideas = [
            idea("010-ten", None),
            idea("2-two", None),
            idea("unnumbered", Some("whenever")),
            idea("900-urgent", Some("Critical")),
            idea("800-high", Some("P1")),
            idea("001-low", Some("low")),
            idea("2-also", Some("medium")),
        ];
        ideas.sort_by_cached_key(of);
        let ids: Vec<&str> = ideas.iter().map(|idea| idea.id.as_str()).collect();
        assert_eq!(
            ids,
            ["900-urgent", "800-high", "2-also", "2-two", "010-ten", "unnumbered", "001-low"]
        );
    }
}
