//! Threads that work on jobs, each answer to be waited for by its own ticket. No GStreamer here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How often a waiting thread looks whether it should stop waiting.
const CANCEL_POLL: Duration = Duration::from_millis(10);

/// A thread of a mailbox that has not ended by then is left behind, with what it holds.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(3);

enum Answer<R> {
    Pending,
    Done(R),
    /// The worker went away without answering.
    Lost,
}

struct Slot<R> {
    answer: Mutex<Answer<R>>,
    settled: Condvar,
}

/// The right to one answer.
pub(super) struct Ticket<R> {
    slot: Arc<Slot<R>>,
}

/// The duty to give one answer; dropped without, the ticket learns that there is none.
pub(super) struct Promise<R> {
    slot: Arc<Slot<R>>,
}

/// A ticket and the promise behind it.
pub(super) fn promise<R>() -> (Promise<R>, Ticket<R>) {
    let slot = Arc::new(Slot { answer: Mutex::new(Answer::Pending), settled: Condvar::new() });
    (Promise { slot: slot.clone() }, Ticket { slot })
}

impl<R> Promise<R> {
    /// Gives the answer.
    pub(super) fn keep(self, answer: R) {
        *self.slot.answer.lock() = Answer::Done(answer);
    }
}

impl<R> Drop for Promise<R> {
    fn drop(&mut self) {
        let mut answer = self.slot.answer.lock();
        if matches!(*answer, Answer::Pending) {
            *answer = Answer::Lost;
        }
        self.slot.settled.notify_all();
    }
}

impl<R> Ticket<R> {
    /// Whether waiting would return at once.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(*self.slot.answer.lock(), Answer::Pending)
    }

    /// Waits for the answer. `None` where there will be none, or where `cancelled` became true first.
    pub(super) fn wait(self, cancelled: &AtomicBool) -> Option<R> {
        let mut answer = self.slot.answer.lock();
        loop {
            match std::mem::replace(&mut *answer, Answer::Pending) {
                Answer::Done(value) => return Some(value),
                Answer::Lost => return None,
                Answer::Pending if cancelled.load(Ordering::Acquire) => return None,
                Answer::Pending => {
                    self.slot.settled.wait_for(&mut answer, CANCEL_POLL);
                }
            }
        }
    }
}

/// A place for the newest job: putting a second one takes the first one out.
pub(super) struct Mailbox<J> {
    state: Mutex<MailboxState<J>>,
    changed: Condvar,
}

struct MailboxState<J> {
    job: Option<J>,
    closed: bool,
}

impl<J> Mailbox<J> {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(MailboxState { job: None, closed: false }), changed: Condvar::new() }
    }

    /// Leaves a job; returns the one that was never taken.
    pub(super) fn put(&self, job: J) -> Option<J> {
        let old = self.state.lock().job.replace(job);
        self.changed.notify_one();
        old
    }

    /// Takes the job away again, if nobody did yet.
    pub(super) fn clear(&self) {
        self.state.lock().job = None;
    }

    fn take(&self) -> Option<J> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.job.take() {
                return Some(job);
            }
            self.changed.wait(&mut state);
        }
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.job = None;
        self.changed.notify_all();
    }
}

/// Where the threads of a pool get their jobs.
pub(super) enum Source<J> {
    /// Every job, in order.
    Queue(crossbeam_channel::Receiver<J>),
    /// The newest job.
    Mailbox(Arc<Mailbox<J>>),
}

impl<J> Clone for Source<J> {
    fn clone(&self) -> Self {
        match self {
            Self::Queue(receiver) => Self::Queue(receiver.clone()),
            Self::Mailbox(mailbox) => Self::Mailbox(mailbox.clone()),
        }
    }
}

impl<J> Source<J> {
    fn next(&self) -> Option<J> {
        match self {
            Self::Queue(receiver) => receiver.recv().ok(),
            Self::Mailbox(mailbox) => mailbox.take(),
        }
    }
}

/// Named threads that run until their source ends.
pub(super) struct Pool<J> {
    threads: Vec<JoinHandle<()>>,
    source: Source<J>,
    /// Dropped before the threads are joined: its end is theirs.
    sender: Option<crossbeam_channel::Sender<J>>,
}

impl<J: Send + 'static> Pool<J> {
    /// Starts `count` threads. Each makes its own worker by `make`, all at once, and the pool stands when all did.
    ///
    /// # Errors
    ///
    /// The first error of a worker or of starting a thread; the others are ended.
    pub(super) fn start<E, W, M>(count: usize, latest: bool, make: M) -> Result<Self, PoolError<E>>
    where
        E: Send + 'static,
        W: FnMut(J) + 'static,
        M: Fn() -> Result<W, E> + Send + Sync + 'static,
    {
        let (sender, source) = if latest {
            (None, Source::Mailbox(Arc::new(Mailbox::new())))
        } else {
            // As many waiting as working: enough that no thread runs dry.
            let (sender, receiver) = crossbeam_channel::bounded(count);
            (Some(sender), Source::Queue(receiver))
        };
        let mut pool = Self { threads: Vec::new(), source, sender };
        let make = Arc::new(make);
        let (ready, started) = crossbeam_channel::bounded(count);
        for i in 0..count {
            let (make, source, ready) = (make.clone(), pool.source.clone(), ready.clone());
            let thread = std::thread::Builder::new().name(format!("vesalius-infer-{i}")).spawn(move || {
                let mut work = match make() {
                    Ok(work) => {
                        let _ = ready.send(Ok(()));
                        work
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return;
                    }
                };
                drop(ready);
                while let Some(job) = source.next() {
                    work(job);
                }
            });
            pool.threads.push(thread.map_err(PoolError::Thread)?);
        }
        drop(ready);
        for _ in 0..count {
            match started.recv() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(PoolError::Worker(error)),
                Err(_) => return Err(PoolError::Died),
            }
        }
        Ok(pool)
    }

    /// Hands a job to the threads; waits while their queue is full. With a mailbox, returns the job it replaced.
    pub(super) fn give(&self, job: J) -> Option<J> {
        match (&self.sender, &self.source) {
            (Some(sender), _) => sender.send(job).err().map(|e| e.into_inner()),
            (None, Source::Mailbox(mailbox)) => mailbox.put(job),
            (None, Source::Queue(_)) => Some(job),
        }
    }

    /// Takes back what no thread has begun, where that can be.
    pub(super) fn forget_waiting(&self) {
        if let Source::Mailbox(mailbox) = &self.source {
            mailbox.clear();
        }
    }
}

impl<J> Drop for Pool<J> {
    fn drop(&mut self) {
        self.sender = None;
        if let Source::Mailbox(mailbox) = &self.source {
            mailbox.close();
        }
        let is_mailbox = matches!(self.source, Source::Mailbox(_));
        let given_up = Instant::now() + LEFT_BEHIND_AFTER;
        for thread in self.threads.drain(..) {
            // With a mailbox the picture counts, and nobody waits for a thread that hangs.
            while is_mailbox && !thread.is_finished() && Instant::now() < given_up {
                std::thread::sleep(CANCEL_POLL);
            }
            if is_mailbox && !thread.is_finished() {
                continue;
            }
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

/// Why a pool does not stand.
#[derive(Debug)]
pub(super) enum PoolError<E> {
    /// A worker could not be made.
    Worker(E),
    /// A thread could not be started.
    Thread(std::io::Error),
    /// A thread ended while making its worker.
    Died,
}

impl<E: std::fmt::Display> std::fmt::Display for PoolError<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Worker(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "a thread for inference could not be started: {error}"),
            Self::Died => f.write_str("a thread for inference ended while loading the engine"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    type Job = (u32, Promise<u32>);

    fn squares(latest: bool, count: usize) -> Pool<Job> {
        Pool::start::<String, _, _>(count, latest, || {
            Ok(|(n, promise): Job| {
                assert_ne!(n, 13, "unlucky");
                promise.keep(n * n);
            })
        })
        .unwrap()
    }

    #[test]
    fn every_job_is_answered_on_its_own_ticket() {
        let pool = squares(false, 3);
        let tickets: Vec<_> = (20..120)
            .map(|n| {
                let (promise, ticket) = promise();
                assert!(pool.give((n, promise)).is_none());
                ticket
            })
            .collect();
        for (n, ticket) in (20..120).zip(tickets) {
            assert_eq!(ticket.wait(&NEVER), Some(n * n));
        }
    }

    #[test]
    fn a_lost_worker_is_noticed() {
        let pool = squares(false, 1);
        let (promise, ticket) = promise();
        pool.give((13, promise));
        assert_eq!(ticket.wait(&NEVER), None);
    }

    #[test]
    fn waiting_can_be_cancelled() {
        let (promise, ticket) = promise::<u32>();
        assert!(!ticket.is_settled());
        assert_eq!(ticket.wait(&AtomicBool::new(true)), None);
        promise.keep(1);
    }

    #[test]
    fn a_mailbox_keeps_the_newest() {
        let mailbox = Mailbox::new();
        assert_eq!(mailbox.put(1), None);
        assert_eq!(mailbox.put(2), Some(1));
        assert_eq!(mailbox.take(), Some(2));
        mailbox.put(3);
        mailbox.close();
        assert_eq!(mailbox.take(), None);
    }

    #[test]
    fn an_engine_that_does_not_load_is_an_error() {
        let pool = Pool::<Job>::start(2, false, || Err::<fn(Job), _>("no such engine"));
        assert_eq!(pool.err().map(|e| e.to_string()).as_deref(), Some("no such engine"));
    }
}
