use std::sync::LazyLock;

use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};
use time::{Date, OffsetDateTime, UtcOffset};

/// The zones of the crate itself; what the machine has installed is not asked.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The IANA time zones a student has lived in, so that a day stays the day it was when they move.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneHistory {
    first: TimeZone,
    /// In the order of time: each zone holds from its time on.
    changes: Vec<(OffsetDateTime, TimeZone)>,
}

/// The given text names no IANA time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {0:?}: use an IANA name such as Europe/Berlin")]
pub struct UnknownZone(pub String);

/// Days in a row with activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    /// Days in a row up to today, or up to yesterday while today has no activity yet; 0 when a day was missed.
    pub days: u32,
    /// The most days in a row ever.
    pub longest: u32,
    /// Whether today already counts.
    pub active_today: bool,
    /// The last day with activity, in the student's zone of that time.
    pub last_active: Option<Date>,
}

/// UTC all along.
impl Default for ZoneHistory {
    fn default() -> Self {
        Self { first: TimeZone::UTC, changes: Vec::new() }
    }
}

impl ZoneHistory {
    /// One zone all along.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn constant(zone: &str) -> Result<Self, UnknownZone> {
        Self::new(zone, [])
    }

    /// A first zone and the later ones, each with the time from which it holds, in any order.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn new<'a>(
        first: &str,
        changes: impl IntoIterator<Item = (OffsetDateTime, &'a str)>,
    ) -> Result<Self, UnknownZone> {
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_unstable();
        let changes = changes.into_iter().map(|(from, name)| Ok((from, zone(name)?))).collect::<Result<_, _>>()?;
        Ok(Self { first: zone(first)?, changes })
    }

    fn zone_at(&self, instant: OffsetDateTime) -> &TimeZone {
        let later = self.changes.partition_point(|(from, _)| *from <= instant);
        later.checked_sub(1).map_or(&self.first, |index| &self.changes[index].1)
    }

    /// The student's date at an instant.
    pub fn date(&self, instant: OffsetDateTime) -> Date {
        date_in(self.zone_at(instant), instant)
    }

    /// How many dates the student's calendar went on between two instants. If the zone changed in between, the one of
    /// the two zones decides in which it were fewer: a flight must not cost a day.
    fn days_between(&self, earlier: OffsetDateTime, later: OffsetDateTime) -> i32 {
        let days_in = |zone| date_in(zone, later).to_julian_day() - date_in(zone, earlier).to_julian_day();
        let (before, after) = (self.zone_at(earlier), self.zone_at(later));
        if before == after { days_in(after) } else { days_in(before).min(days_in(after)) }
    }
}

/// The streak at `now`, from the times at which the student was active ([`Facts::active_at`](crate::Facts::active_at)),
/// in any order. Times after `now` don't count.
pub fn streak(active_at: impl IntoIterator<Item = OffsetDateTime>, zones: &ZoneHistory, now: OffsetDateTime) -> Streak {
    let mut times: Vec<_> = active_at.into_iter().filter(|at| *at <= now).collect();
    times.sort_unstable();
    let Some(&last) = times.last() else { return Streak::default() };

    let (mut days, mut longest) = (1, 1);
    for pair in times.windows(2) {
        days = match zones.days_between(pair[0], pair[1]) {
            ..=0 => days,
            1 => days + 1,
            _ => 1,
        };
        longest = longest.max(days);
    }
    let missed = zones.days_between(last, now);
    Streak {
        days: if missed <= 1 { days } else { 0 },
        longest,
        active_today: missed <= 0,
        last_active: Some(zones.date(last)),
    }
}

impl Streak {
    /// This streak, which is the one at `now`, with one more time of activity. `None` when that takes all times to tell: the
    /// new one is of an earlier day, or after `now`, or the student has moved.
    pub fn with(self, at: OffsetDateTime, zones: &ZoneHistory, now: OffsetDateTime) -> Option<Self> {
        if at > now || !zones.changes.is_empty() {
            return None;
        }
        let (day, today) = (zones.date(at), zones.date(now));
        let since = self.last_active.map(|last| day.to_julian_day() - last.to_julian_day());
        let days = match since {
            Some(0) => return Some(Self { active_today: day == today, ..self }),
            Some(1) if self.days > 0 => self.days + 1,
            None | Some(2..) => 1,
            // Which days before it were active?
            Some(_) => return None,
        };
        let missed = today.to_julian_day() - day.to_julian_day();
        Some(Self {
            days: if missed <= 1 { days } else { 0 },
            longest: self.longest.max(days),
            active_today: missed <= 0,
            last_active: Some(day),
        })
    }
}

fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    ZONES.get(name).map_err(|_| UnknownZone(name.to_owned()))
}

fn date_in(zone: &TimeZone, instant: OffsetDateTime) -> Date {
    // Years beyond 9999 can't be told apart from its end, which harms nobody.
    let seconds = instant.unix_timestamp();
    let timestamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let offset = UtcOffset::from_whole_seconds(zone.to_offset(timestamp).seconds()).unwrap_or(UtcOffset::UTC);
    instant.checked_to_offset(offset).unwrap_or(instant).date()
}
