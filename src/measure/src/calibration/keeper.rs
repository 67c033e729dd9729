//! Keeps one video's scale: takes what the operator states, watches the picture, and ends the scale when it must.

use std::time::Duration;

use super::fingerprint::{Comparison, Fingerprint};
use super::luma::Luma;
use super::scale::Scale;
use super::state::{CalibrationState, Event, Expiry, State};
use super::statement::{Statement, StatementError};
use crate::result::Reason;

/// How long to wait before a picture is looked through again for a ruler or a profile that was not there.
const TRY_AGAIN_NS: u64 = 500_000_000;

/// What the operator should be told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// The scale no longer holds.
    Expired(Expiry),
    /// The statement gives no scale in this picture; said once.
    NoScale(StatementError),
}

/// The scale of one video, from statement to expiry. Times are presentation times in nanoseconds.
#[derive(Clone, Debug)]
pub struct Keeper {
    statement: Option<Statement>,
    state: CalibrationState,
    /// Whether the picture is watched for a change of depth, whatever the scale rests on.
    watch: bool,
    /// What the picture looked like when the scale came into force.
    fingerprint: Option<Fingerprint>,
    tried_ns: Option<u64>,
    complained: bool,
    now_ns: u64,
}

impl Keeper {
    /// Nothing is in force before the first frame. `watch` asks to end a scale that was stated as a number, too, when the
    /// picture shows another depth; scales from the picture itself always end so.
    pub fn new(statement: Option<Statement>, watch: bool, age_limit: Duration) -> Self {
        Self {
            statement,
            state: CalibrationState::new(age_limit),
            watch,
            fingerprint: None,
            tried_ns: None,
            complained: false,
            now_ns: 0,
        }
    }

    /// Takes a new statement in place of the one before; `None` withdraws it.
    pub fn restate(&mut self, statement: Option<Statement>) {
        self.state.apply(Event::Reject, self.now_ns);
        (self.statement, self.fingerprint, self.tried_ns) = (statement, None, None);
        self.complained = false;
    }

    /// Confirms what is only proposed.
    pub fn confirm(&mut self) {
        self.state.apply(Event::Confirm, self.now_ns);
    }

    /// Ends the scale for a change that is known from elsewhere. Says so where one was in force.
    pub fn change(&mut self, why: Expiry) -> Option<Notice> {
        let held = self.state.calibration(self.now_ns).is_some();
        self.state.apply(Event::Change(why), self.now_ns);
        // What is stated as a number was stated for the picture before. Profiles know their pictures themselves.
        if !matches!(self.statement, Some(Statement::Profiles(_)))
            && !matches!(self.state.state(), State::None)
        {
            self.statement = None;
        }
        self.fingerprint = None;
        held.then_some(Notice::Expired(why))
    }

    /// Whether [`frame`](Self::frame) should be given the picture of a frame at this time.
    pub fn wants_picture(&self, now_ns: u64) -> bool {
        match self.state.state() {
            State::Valid { .. } | State::Pending { .. } => self.watches(),
            State::None | State::Expired { .. } => {
                let rested = self.tried_ns.is_none_or(|t| now_ns < t || now_ns - t >= TRY_AGAIN_NS);
                let seen = self.statement.as_ref().is_some_and(Statement::needs_picture);
                rested && (seen || (self.watch && self.statement.is_some()))
            }
        }
    }

    fn watches(&self) -> bool {
        self.watch || self.statement.as_ref().is_some_and(Statement::needs_picture)
    }

    /// Takes in that a frame came, before it is measured: looks for the scale where none is in force yet, and whether the
    /// one in force still holds.
    pub fn frame(&mut self, now_ns: u64, pixel_aspect: f64, picture: Option<&Luma>) -> Option<Notice> {
        let held = self.state.calibration(self.now_ns).is_some();
        self.now_ns = now_ns;
        self.state.apply(Event::Tick, now_ns);
        if let (true, State::Expired { why, .. }) = (held, self.state.state()) {
            let why = *why;
            return self.change(why).or(Some(Notice::Expired(why)));
        }
        match self.state.state() {
            State::Valid { .. } | State::Pending { .. } => {
                let (Some(picture), Some(before)) = (picture, &self.fingerprint) else { return None };
                match before.check(picture) {
                    Comparison::Changed(_) => self.change(Expiry::DepthChanged),
                    Comparison::Same | Comparison::Unclear => None,
                }
            }
            State::None | State::Expired { .. } => self.look(now_ns, pixel_aspect, picture),
        }
    }

    fn look(&mut self, now_ns: u64, pixel_aspect: f64, picture: Option<&Luma>) -> Option<Notice> {
        let statement = self.statement.as_ref()?;
        if statement.needs_picture() && picture.is_none() {
            return None;
        }
        self.tried_ns = Some(now_ns);
        match statement.event(picture, pixel_aspect) {
            Ok(event) => {
                self.state.apply(event, now_ns);
                self.fingerprint = picture.filter(|_| self.watches()).map(Fingerprint::of);
                None
            }
            Err(error) => {
                let first = !std::mem::replace(&mut self.complained, true);
                first.then_some(Notice::NoScale(error))
            }
        }
    }

    /// The scale for the newest frame.
    pub fn scale(&self) -> Scale {
        match self.state.calibration(self.now_ns) {
            Some(calibration) => Scale::Uniform(calibration.clone()),
            None => Scale::None(self.state.reason(self.now_ns).unwrap_or(Reason::NoCalibration)),
        }
    }

    /// Where the scale stands.
    pub fn state(&self) -> &State {
        self.state.state()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::fingerprint::tests::{Field, luma};
    use crate::calibration::profile::Profile;

    const FRAME_NS: u64 = 40_000_000;

    fn keeper(statement: &str, watch: bool) -> Keeper {
        Keeper::new(Some(statement.parse().unwrap()), watch, Duration::from_secs(60))
    }

    fn mm(keeper: &Keeper) -> Option<f64> {
        keeper.scale().uniform().map(|c| c.mm_per_px_y().get())
    }

    #[test]
    fn a_number_holds_from_the_first_frame_until_the_picture_changes() {
        let mut k = keeper("0.2", false);
        assert_eq!(mm(&k), None, "nothing is in force before the first frame");
        assert_eq!(k.frame(0, 1.0, None), None);
        assert_eq!(mm(&k), Some(0.2));
        assert!(!k.wants_picture(FRAME_NS));
        assert_eq!(k.change(Expiry::PictureChanged), Some(Notice::Expired(Expiry::PictureChanged)));
        for frame in 1..100 {
            assert_eq!(k.frame(frame * FRAME_NS, 1.0, None), None);
            assert_eq!(k.scale(), Scale::None(Reason::CalibrationExpired), "frame {frame}");
        }
        k.restate(Some("0.3".parse().unwrap()));
        k.frame(100 * FRAME_NS, 1.0, None);
        assert_eq!(mm(&k), Some(0.3));
        k.restate(None);
        assert_eq!(mm(&k), None);
    }

    #[test]
    fn age_ends_it_and_is_said_once() {
        let mut k = keeper("0.2", false);
        k.frame(0, 1.0, None);
        assert_eq!(k.frame(60_000_000_000, 1.0, None), None);
        assert_eq!(k.frame(60_000_000_001, 1.0, None), Some(Notice::Expired(Expiry::TooOld)));
        assert_eq!(k.frame(60_040_000_000, 1.0, None), None);
        assert_eq!(k.scale(), Scale::None(Reason::CalibrationExpired));
    }

    #[test]
    fn another_depth_ends_it_within_one_frame() {
        let (near, far) = (Field::curved(80.0), Field::curved(120.0));
        for statement in ["ruler:10", "0.18"] {
            let mut k = keeper(statement, true);
            for frame in 0..10_u32 {
                let bytes = near.picture(frame, true);
                assert!(k.wants_picture(u64::from(frame) * FRAME_NS), "{statement}");
                assert_eq!(
                    k.frame(u64::from(frame) * FRAME_NS, 1.0, Some(&luma(&bytes))),
                    None,
                    "{statement} {frame}"
                );
                assert!(mm(&k).is_some(), "{statement} {frame}");
            }
            let bytes = far.picture(10, true);
            let notice = k.frame(10 * FRAME_NS, 1.0, Some(&luma(&bytes)));
            assert_eq!(notice, Some(Notice::Expired(Expiry::DepthChanged)), "{statement}");
            assert_eq!(mm(&k), None);
            // Turned back, it is not known to be as before.
            let bytes = near.picture(11, true);
            k.frame(11 * FRAME_NS, 1.0, Some(&luma(&bytes)));
            assert_eq!(mm(&k), None, "{statement}");
        }
    }

    #[test]
    fn profiles_follow_the_depth() {
        let profile = |depth: f64| Profile {
            device: format!("{depth} mm"),
            crop: None,
            mm_per_px_x: depth / 440.0,
            mm_per_px_y: depth / 440.0,
            relative_uncertainty: 0.01,
            trusted: true,
            fingerprint: Fingerprint::of(&luma(&Field::curved(depth).picture(0, true))),
        };
        let profiles = Statement::Profiles(vec![profile(80.0), profile(120.0)]);
        let mut k = Keeper::new(Some(profiles), false, Duration::from_secs(60));
        let at = |k: &mut Keeper, frame: u32, depth: f64| {
            let bytes = Field::curved(depth).picture(frame, true);
            let notice = k.frame(u64::from(frame) * 1_000_000_000, 1.0, Some(&luma(&bytes)));
            (notice, mm(k))
        };
        assert_eq!(at(&mut k, 0, 80.0), (None, Some(80.0 / 440.0)));
        assert_eq!(at(&mut k, 1, 120.0), (Some(Notice::Expired(Expiry::DepthChanged)), None));
        assert_eq!(at(&mut k, 2, 120.0), (None, Some(120.0 / 440.0)));
    }

    #[test]
    fn a_ruler_that_is_not_there_is_said_once_and_looked_for_again() {
        let mut k = keeper("ruler:10", false);
        let dark = vec![0_u8; 64 * 48];
        let dark = Luma::new(&dark, 64, 48, 64).unwrap();
        assert_eq!(k.frame(0, 1.0, Some(&dark)), Some(Notice::NoScale(StatementError::NoRuler)));
        assert!(!k.wants_picture(FRAME_NS), "not in every frame");
        assert!(k.wants_picture(TRY_AGAIN_NS));
        assert_eq!(k.frame(TRY_AGAIN_NS, 1.0, Some(&dark)), None);
        assert_eq!(k.scale(), Scale::None(Reason::NoCalibration));
    }
}
