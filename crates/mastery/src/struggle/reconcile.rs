use std::collections::HashSet;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Rule;
use super::episode::Episode;

/// An alert raised earlier, for an episode as it looked then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlert {
    /// The alert's id: its episode's id at that time.
    pub id: Uuid,
    /// Its rule.
    pub rule: Rule,
    /// Its topic.
    pub topic: Option<String>,
    /// [`Episode::opened_at`] at that time.
    pub opened_at: OffsetDateTime,
    /// [`Episode::last_at`] at that time.
    pub last_at: OffsetDateTime,
}

/// How stored alerts and episodes belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Episodes without an alert: to raise.
    pub raise: Vec<Episode>,
    /// Alerts by id, each with its episode as it looks now.
    pub update: Vec<(Uuid, Episode)>,
    /// Alerts whose episodes, in the light of later deliveries, never were.
    pub withdraw: Vec<Uuid>,
}

/// Finds the alert of each episode, so that none is raised twice.
///
/// As a rule they share an id. A fact that comes late can move the fact an episode began with, and with it the id; then
/// the earliest alert of the same rule and topic whose time overlaps the episode's is kept.
pub fn reconcile(stored: &[StoredAlert], episodes: &[Episode]) -> Reconciliation {
    let ids: HashSet<Uuid> = episodes.iter().map(|episode| episode.id).collect();
    let mut stored: Vec<&StoredAlert> = stored.iter().collect();
    stored.sort_by_key(|alert| (alert.opened_at, alert.id));
    let (known, mut others): (Vec<_>, Vec<_>) = stored.into_iter().partition(|alert| ids.contains(&alert.id));
    let known: HashSet<Uuid> = known.into_iter().map(|alert| alert.id).collect();

    let mut result = Reconciliation::default();
    for episode in episodes {
        if known.contains(&episode.id) {
            result.update.push((episode.id, episode.clone()));
        } else if let Some(index) = others.iter().position(|alert| overlaps(alert, episode)) {
            result.update.push((others.remove(index).id, episode.clone()));
        } else {
            result.raise.push(episode.clone());
        }
    }
    result.withdraw = others.into_iter().map(|alert| alert.id).collect();
    result
}

fn overlaps(alert: &StoredAlert, episode: &Episode) -> bool {
    let ended_before = episode.closed.is_some_and(|(end, _)| end < alert.opened_at);
    alert.rule == episode.rule && alert.topic == episode.topic && alert.last_at >= episode.opened_at && !ended_before
}
