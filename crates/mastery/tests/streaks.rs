//! Days in a row, in the student's time zone. FR-025..028.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use learnflow_mastery::{Streak, UnknownZone, ZoneHistory, streak};
use proptest::prelude::*;
use time::{Duration, OffsetDateTime, macros::datetime};

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
];

fn days(zones: &ZoneHistory, times: &[OffsetDateTime], now: OffsetDateTime) -> u32 {
    streak(times.iter().copied(), zones, now).days
}

/// Today not yet counted doesn't break a streak, a missed day does; the longest stays known.
#[test]
fn a_streak_lives_until_a_day_is_missed() {
    let utc = ZoneHistory::constant("UTC").unwrap();
    let times = [datetime!(2026-03-01 12:00 UTC), datetime!(2026-03-02 23:59 UTC), datetime!(2026-03-03 00:01 UTC)];
    let at = |now| streak(times, &utc, now);
    let today = at(datetime!(2026-03-03 10:00 UTC));
    assert_eq!((today.days, today.active_today), (3, true));
    let tomorrow = at(datetime!(2026-03-04 23:59 UTC));
    assert_eq!((tomorrow.days, tomorrow.active_today), (3, false));
    let later = at(datetime!(2026-03-05 00:00 UTC));
    assert_eq!((later.days, later.longest, later.last_active), (0, 3, Some(datetime!(2026-03-03 00:00 UTC).date())));
    assert_eq!(streak([], &utc, datetime!(2026-03-05 00:00 UTC)), Streak::default());
}

/// The student's own midnight counts: the same instants are three days in Berlin and two in New York.
#[test]
fn days_are_the_students_own() {
    let times = [datetime!(2026-03-01 20:00 UTC), datetime!(2026-03-02 22:30 UTC), datetime!(2026-03-02 23:30 UTC)];
    let now = datetime!(2026-03-02 23:45 UTC);
    assert_eq!(days(&ZoneHistory::constant("Europe/Berlin").unwrap(), &times, now), 3);
    assert_eq!(days(&ZoneHistory::constant("America/New_York").unwrap(), &times, now), 2);
}

/// Days of 23 and 25 hours are days: at 00:30 and at 23:30 of each day around both changes in Berlin.
#[test]
fn daylight_saving_costs_no_day() {
    let berlin = ZoneHistory::constant("Europe/Berlin").unwrap();
    let spring = [
        datetime!(2026-03-28 00:30 +1),
        datetime!(2026-03-29 23:30 +2),
        datetime!(2026-03-30 00:30 +2),
        datetime!(2026-03-31 23:30 +2),
    ];
    assert_eq!(days(&berlin, &spring, spring[3]), 4);
    let autumn = [datetime!(2026-10-24 23:30 +2), datetime!(2026-10-25 23:30 +1), datetime!(2026-10-26 00:30 +1)];
    assert_eq!(days(&berlin, &autumn, autumn[2]), 3);
}

/// A flight over the date line costs no day, in either direction: days count as in the zone in which it were fewer.
#[test]
fn moving_costs_no_day() {
    let moved = datetime!(2026-03-03 07:00 UTC);
    let there = ZoneHistory::new("America/Los_Angeles", [(moved, "Asia/Tokyo")]).unwrap();
    let times = [
        datetime!(2026-03-01 20:00 -8),
        datetime!(2026-03-02 06:00 -8),
        // Two dates later in Tokyo, where it was the 2nd then too, but still the 3rd in Los Angeles.
        datetime!(2026-03-04 15:00 +9),
        datetime!(2026-03-05 23:00 +9),
    ];
    assert_eq!(days(&there, &times, times[3]), 4);

    let back = ZoneHistory::new("Asia/Tokyo", [(moved, "America/Los_Angeles")]).unwrap();
    // The last one is on the 4th in Tokyo.
    let times = [datetime!(2026-03-01 20:00 +9), datetime!(2026-03-02 20:00 +9), datetime!(2026-03-03 20:00 -8)];
    assert_eq!(days(&back, &times, times[2]), 3);
}

/// Days before a move stay the days they were: with Tokyo's midnight these would be three days, with a gap.
#[test]
fn the_past_keeps_its_zone() {
    let moved = datetime!(2026-03-09 00:00 UTC);
    let zones = ZoneHistory::new("America/Los_Angeles", [(moved, "Asia/Tokyo")]).unwrap();
    let times = [datetime!(2026-03-01 06:00 -8), datetime!(2026-03-02 22:00 -8), datetime!(2026-03-03 22:00 -8)];
    assert_eq!(days(&zones, &times, times[2]), 3);
    assert_eq!(streak(times, &zones, moved).longest, 3);
}

#[test]
fn an_unknown_zone_is_refused() {
    assert_eq!(ZoneHistory::constant("Mars/Olympus"), Err(UnknownZone("Mars/Olympus".into())));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a definition by calendar dates alone, in zones with half hours, daylight saving and both ends of the day.
    #[test]
    fn a_streak_counts_calendar_dates(
        zone in prop::sample::select(&ZONES),
        hours in prop::collection::vec(0_i64..24 * 20, 0..60),
        start in 0_i64..365,
        now in 0_i64..24 * 22,
    ) {
        let start = datetime!(2026-01-01 00:30 UTC) + Duration::days(start);
        let now = start + Duration::hours(now);
        let times: Vec<_> = hours.iter().map(|hour| start + Duration::hours(*hour)).collect();
        let found = streak(times.iter().copied(), &ZoneHistory::constant(zone).unwrap(), now);

        let zone = TimeZone::get(zone).unwrap();
        let date = |at: OffsetDateTime| Timestamp::from_second(at.unix_timestamp()).unwrap().to_zoned(zone.clone()).date();
        let dates: BTreeSet<Date> = times.into_iter().filter(|at| *at <= now).map(date).collect();
        let length = |mut day: Date| {
            let mut length = 0;
            while dates.contains(&day) {
                length += 1;
                day = day.yesterday().unwrap();
            }
            length
        };
        let today = date(now);
        let expected = if dates.contains(&today) { length(today) } else { length(today.yesterday().unwrap()) };
        prop_assert_eq!(found.days, expected);
        prop_assert_eq!(found.longest, dates.iter().map(|day| length(*day)).max().unwrap_or(0));
        prop_assert_eq!(found.active_today, dates.contains(&today));
    }

    /// A streak with one more time is the one of all times, or says that it cannot tell; of times that come in order it
    /// always can, as long as the streak lives.
    #[test]
    fn one_more_time_is_enough(
        zone in prop::sample::select(&ZONES),
        hours in prop::collection::vec(0_i64..24 * 20, 1..40),
        ordered in any::<bool>(),
        now in 0_i64..24 * 22,
    ) {
        let (start, zones) = (datetime!(2026-03-20 00:30 UTC), ZoneHistory::constant(zone).unwrap());
        let now = start + Duration::hours(now);
        let mut times: Vec<_> = hours.iter().map(|hour| start + Duration::hours(*hour)).collect();
        if ordered {
            times.sort_unstable();
        }
        for (index, at) in times.iter().enumerate() {
            let (before, all) = (streak(times[..index].to_vec(), &zones, now), streak(times[..=index].to_vec(), &zones, now));
            match before.with(*at, &zones, now) {
                Some(after) => prop_assert_eq!(after, all),
                None => prop_assert!(!ordered || *at > now || before.days == 0),
            }
        }
    }
}
