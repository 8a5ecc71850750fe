//! The moves of partitions from one stage to another, by which a change of a migration is checked.

use flagkit_core::Percent;
use flagkit_core::source::Stage;

use crate::progress::Progress;

impl Progress {
    /// Returns the stages of the partitions that are furthest back and furthest ahead.
    pub(crate) fn stages(self) -> [Stage; 2] {
        let behind = self.stage.previous().filter(|_| !self.is_whole());
        [behind.unwrap_or(self.stage), self.stage]
    }

    /// Returns whether each partition stays at its stage, or moves by one stage.
    pub(crate) fn is_one_step_from(self, before: Self) -> bool {
        self.moves(before).all(|(before, after)| after.is_adjacent_to(before))
    }

    /// Returns whether a partition is at a later stage than before.
    pub(crate) fn is_beyond(self, before: Self) -> bool {
        self.moves(before).any(|(before, after)| after > before)
    }

    /// Returns whether a partition goes back although its old data may be stale.
    pub(crate) fn reads_stale_data_after(self, before: Self) -> bool {
        self.moves(before).any(|(before, after)| after < before && !before.is_reversible())
    }

    /// Returns the progress one stage back. `None` if there is no stage to which all data can go back safely.
    pub(crate) fn safely_back(self) -> Option<Self> {
        self.back().filter(|_| self.stage.is_reversible())
    }

    /// Returns the stage before and after of each group of partitions that move together.
    fn moves(self, before: Self) -> impl Iterator<Item = (Stage, Stage)> {
        let [low, high] = [self.share.min(before.share), self.share.max(before.share)];
        let stage_at = |progress: Self, point: Percent| {
            let [behind, ahead] = progress.stages();
            if point < progress.share { ahead } else { behind }
        };
        let groups = [(Percent::ZERO, low), (low, high), (high, Percent::HUNDRED)];
        let groups = groups.into_iter().filter(|(begin, end)| begin < end);
        groups.map(move |(begin, _)| (stage_at(before, begin), stage_at(self, begin)))
    }

    /// Describes the progress with the attribute that partitions the data: `live (25% of tenants)`.
    pub(crate) fn describe(self, partition: Option<&str>) -> String {
        match partition {
            Some(partition) if !self.is_whole() => {
                let plural = if partition.ends_with('s') { "" } else { "s" };
                format!("{} ({} of {partition}{plural})", self.stage, self.share)
            }
            _ => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(text: &str) -> Progress {
        text.parse().expect(text)
    }

    #[test]
    fn a_step_moves_no_partition_by_two_stages() {
        for (before, after, is_step) in [
            ("off", "dual-write", true),
            ("off", "shadow", false),
            ("shadow", "off", false),
            ("live", "live", true),
            ("shadow", "live@25%", true),
            ("live@25%", "live@50%", true),
            ("live@25%", "shadow", true),
            // The others are at `shadow`.
            ("live@25%", "ramp-down", false),
            ("live@25%", "ramp-down@25%", true),
            ("live@25%", "dual-write", false),
            ("dual-write", "live@25%", false),
            ("dual-write", "live@0%", true),
        ] {
            assert_eq!(progress(after).is_one_step_from(progress(before)), is_step, "{before} to {after}");
        }
        assert!(progress("live@26%").is_beyond(progress("live@25%")));
        assert!(!progress("shadow").is_beyond(progress("live@25%")));
    }

    #[test]
    fn a_migration_goes_back_while_the_old_data_is_written() {
        let back = |text| progress(text).safely_back().map(|progress| progress.to_string());
        assert_eq!(back("off"), None);
        assert_eq!(back("dual-write").as_deref(), Some("off"));
        assert_eq!(back("live@25%").as_deref(), Some("shadow"));
        assert_eq!(back("ramp-down").as_deref(), Some("live"));
        assert_eq!([back("complete"), back("complete@25%"), back("contracted")], [None, None, None]);
        assert_eq!(back("complete@0%").as_deref(), Some("live"));
        assert!(progress("ramp-down").reads_stale_data_after(progress("complete")));
        assert!(progress("complete@25%").reads_stale_data_after(progress("complete@50%")));
        assert!(!progress("live").reads_stale_data_after(progress("ramp-down")));
    }

    #[test]
    fn the_partition_is_part_of_the_description() {
        assert_eq!(progress("live@25%").describe(Some("tenant")), "live (25% of tenants)");
        assert_eq!(progress("live@25%").describe(Some("address")), "live (25% of address)");
        assert_eq!(progress("live").describe(Some("tenant")), "live");
    }
}
