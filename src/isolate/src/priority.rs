//! Who comes first where more threads want a processor than there are.
//!
//! A picture that takes three milliseconds of work is late by ten more where its thread has to wait for its turn. Linux lets a
//! thread go before all that share the processors fairly (`SCHED_RR`, sched(7)), or gives it more than others (setpriority(2)). Both
//! need a right: CAP_SYS_NICE, or the limits RLIMIT_RTPRIO and RLIMIT_NICE (`LimitRTPRIO=` and `LimitNICE=` of a systemd unit,
//! `rtprio` and `nice` of limits.conf(5)). To stand behind others needs none.
#![allow(unsafe_code)] // One call of the system that has no safe binding.

use rustix::process::{getpid, getpriority_process, setpriority_process};

/// What a thread does, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A picture passes through it, and it works for a few milliseconds each.
    Picture,
    /// It brings a picture to a screen.
    Screen,
    /// Pictures come from it; how long that takes is not known.
    Source,
    /// As any other thread of the process.
    Usual,
    /// It may be late. Without a right to it there is no way back.
    Aside,
}

/// What the system granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granted {
    /// It goes before all threads that share fairly.
    RealTime,
    /// It gets more than others.
    Raised,
    /// It is one of all.
    #[default]
    Usual,
    /// It stands behind others, as it was asked to.
    Lowered,
}

impl Granted {
    /// As a word of a report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RealTime => "real-time",
            Self::Raised => "raised",
            Self::Usual => "usual",
            Self::Lowered => "lowered",
        }
    }
}

/// Steps of nice by which one thread stands before, and another behind, those of the process.
const BEFORE: i32 = -10;
const BEHIND: i32 = 5;
/// Real-time priorities, 1 to 99: below those of sound servers and of the kernel's own interrupt threads (50).
const PICTURE: libc::c_int = 10;
const SCREEN: libc::c_int = 8;

/// Sets how urgent the calling thread is, as far as the system permits, and says how far that is. Threads that it starts are as usual,
/// but for those of one that stands behind.
pub fn set_urgency(urgency: Urgency) -> Granted {
    let real_time = match urgency {
        Urgency::Picture => Some(PICTURE),
        Urgency::Screen => Some(SCREEN),
        Urgency::Source | Urgency::Usual | Urgency::Aside => None,
    };
    if real_time.is_some_and(|priority| schedule(libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, priority)) {
        return Granted::RealTime;
    }
    let (policy, steps, granted) = match urgency {
        Urgency::Aside => (libc::SCHED_OTHER, BEHIND, Granted::Lowered),
        Urgency::Usual => (libc::SCHED_OTHER, 0, Granted::Usual),
        _ => (libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK, BEFORE, Granted::Raised),
    };
    schedule(policy, 0);
    // Of the process's first thread, which nobody raises or lowers by itself.
    let base = getpriority_process(Some(getpid())).unwrap_or(0);
    // Without a process named, the call is for the calling thread alone.
    if setpriority_process(None, base + steps).is_ok() { granted } else { Granted::Usual }
}

/// Sets the calling thread's scheduling.
fn schedule(policy: libc::c_int, priority: libc::c_int) -> bool {
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: 0 is the calling thread, and the kernel reads one number of the structure, which lives until it has returned.
    unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calling thread's policy and nice value.
    fn now() -> (libc::c_int, i32) {
        // SAFETY: 0 is the calling thread, and no memory is handed over.
        let policy = unsafe { libc::sched_getscheduler(0) };
        (policy & !libc::SCHED_RESET_ON_FORK, getpriority_process(None).unwrap())
    }

    fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(work).join().unwrap()
    }

    #[test]
    fn what_is_granted_is_so_is_not_handed_on_and_ends() {
        let usual = on_a_thread(now);
        assert_eq!(usual.0, libc::SCHED_OTHER);
        for asked in [Urgency::Picture, Urgency::Screen, Urgency::Source] {
            on_a_thread(move || {
                let granted = set_urgency(asked);
                let (own, childs) = (now(), on_a_thread(now));
                match granted {
                    Granted::RealTime => assert!(own.0 == libc::SCHED_RR && asked <= Urgency::Screen),
                    Granted::Raised => assert_eq!(own, (libc::SCHED_OTHER, usual.1 + BEFORE)),
                    Granted::Usual => assert_eq!(own, usual),
                    Granted::Lowered => panic!("{asked:?}"),
                }
                assert!(childs.0 == libc::SCHED_OTHER && childs.1 >= usual.1.min(0), "{childs:?}");
                assert_eq!(set_urgency(Urgency::Usual), Granted::Usual);
                assert_eq!(now(), usual, "{asked:?}");
            });
        }
        // Whoever stands behind may always do so.
        on_a_thread(move || {
            assert_eq!(set_urgency(Urgency::Aside), Granted::Lowered);
            assert_eq!(now(), (libc::SCHED_OTHER, usual.1 + BEHIND));
            assert_eq!(on_a_thread(now), now());
        });
    }
}
