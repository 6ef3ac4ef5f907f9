//! Who is waiting for a change, and how they are woken.
//!
//! An idle stream costs one [`Seat`]: a waker and a bit. It sits in two lists: one of its namespace, woken when that
//! namespace changes, and one of the [`Streams`], woken in turn by a single timer for keep-alives. No timer, channel
//! or task belongs to a stream. What a woken stream then sends is never queued here: it looks at what is served now
//! (I5), so a slow reader skips what it missed and a fast one never waits for it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use jiff::Timestamp;

use super::Seen;
use super::clients::Clients;
use crate::flags::snapshot::Namespace;
use crate::limits;

/// Rows of seats; a tick wakes one row, so the keep-alives of many streams do not come at one moment.
pub const ROWS: usize = 15;

/// Where one stream waits.
#[derive(Debug)]
pub struct Seat {
    waker: AtomicWaker,
    /// The stream said something since the last tick.
    spoke: AtomicBool,
    /// The stream has been quiet for a whole round of ticks.
    quiet: AtomicBool,
    /// How new what it told last is: the number of a publish.
    told: AtomicU64,
}

impl Default for Seat {
    fn default() -> Self {
        Self {
            waker: AtomicWaker::new(),
            spoke: AtomicBool::new(true),
            quiet: AtomicBool::new(false),
            told: AtomicU64::new(0),
        }
    }
}

impl Seat {
    /// Has `waker` called at the next change, tick or drain. Call it before looking at the state.
    pub fn wait(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Notes that the stream said something: it needs no keep-alive for a while.
    pub fn spoke(&self) {
        self.spoke.store(true, Ordering::Release);
        self.quiet.store(false, Ordering::Release);
    }

    /// Whether a keep-alive is due; asking takes it.
    pub fn take_keep_alive(&self) -> bool {
        self.quiet.swap(false, Ordering::AcqRel)
    }

    /// Notes that the client has what was current at the publish of this number.
    pub fn told(&self, generation: u64) {
        self.told.store(generation, Ordering::Release);
    }

    fn wake(&self) {
        self.waker.wake();
    }
}

/// A list of seats that forgets the empty ones by itself.
#[derive(Debug, Default)]
struct Row(Mutex<Vec<Weak<Seat>>>);

impl Row {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Seat>>> {
        // Nothing that holds this lock can leave the list half-done, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, seat: &Arc<Seat>) {
        let mut seats = self.lock();
        // Looking for empty seats only where the list would have to grow keeps the cost of a seat constant.
        if seats.len() == seats.capacity() {
            seats.retain(|seat| seat.strong_count() > 0);
        }
        seats.push(Arc::downgrade(seat));
    }

    /// Wakes those of whom `whether` says so, and forgets the empty seats.
    fn wake(&self, whether: impl Fn(&Seat) -> bool) {
        self.lock().retain(|seat| match seat.upgrade() {
            Some(seat) => {
                if whether(&seat) {
                    seat.wake();
                }
                true
            }
            None => false,
        });
    }
}

/// Every open stream of the process.
#[derive(Debug)]
pub struct Streams {
    open: AtomicUsize,
    rows: [Row; ROWS],
    /// The row of the next seat.
    seating: AtomicUsize,
    /// The row of the next tick.
    ticking: AtomicUsize,
    draining: AtomicBool,
    clients: Clients,
    /// Those that tell people's pages of anything at all.
    pages: Place,
    /// When the first right to a stream ends, in milliseconds; see [`Self::wake_at`].
    first_end: AtomicI64,
}

impl Default for Streams {
    fn default() -> Self {
        Self {
            open: AtomicUsize::default(),
            rows: Default::default(),
            seating: AtomicUsize::default(),
            ticking: AtomicUsize::default(),
            draining: AtomicBool::default(),
            clients: Clients::default(),
            pages: Place::new("".into()),
            first_end: AtomicI64::new(i64::MAX),
        }
    }
}

impl Streams {
    /// A seat, if one is free and the process is not shutting down.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Ticket> {
        if self.draining() {
            return None;
        }
        let taken = self
            .open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < limits::STREAMS).then_some(open + 1));
        taken.ok()?;
        let ticket = Ticket { seat: Arc::default(), streams: self.clone(), client: None };
        let row = self.seating.fetch_add(1, Ordering::Relaxed) % ROWS;
        if let Some(row) = self.rows.get(row) {
            row.add(&ticket.seat);
        }
        Some(ticket)
    }

    /// Streams open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Tells those of one row who were quiet since its last tick that a keep-alive is due. To be called [`ROWS`] times
    /// in [`limits::STREAM_KEEP_ALIVE`].
    pub fn tick(&self) {
        let row = self.ticking.fetch_add(1, Ordering::Relaxed) % ROWS;
        if let Some(row) = self.rows.get(row) {
            row.wake(|seat| {
                let quiet = !seat.spoke.swap(false, Ordering::AcqRel);
                seat.quiet.store(quiet, Ordering::Release);
                quiet
            });
        }
    }

    /// Who streams.
    #[must_use]
    pub const fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Where the streams of pages sit, which are woken by every change of anything.
    #[must_use]
    pub const fn pages(&self) -> &Place {
        &self.pages
    }

    /// Wakes every stream, to look at whether it may go on.
    pub fn wake_all(&self) {
        for row in &self.rows {
            row.wake(|_| true);
        }
    }

    /// Has every stream woken at this moment. It is forgotten when it comes: who still waits for a later one says so
    /// again when it wakes.
    pub fn wake_at(&self, time: Timestamp) {
        self.first_end.fetch_min(time.as_millisecond(), Ordering::AcqRel);
    }

    /// Wakes every stream, if one asked for that by now. To be called about once a second.
    pub fn wake_by(&self, now: Timestamp) {
        if self.first_end.load(Ordering::Acquire) <= now.as_millisecond() {
            self.first_end.store(i64::MAX, Ordering::Release);
            self.wake_all();
        }
    }

    /// Ends every stream and lets no new one in.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.wake_all();
    }

    /// Whether [`Self::drain`] was called.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The right to stream, given back when dropped.
#[derive(Debug)]
pub struct Ticket {
    seat: Arc<Seat>,
    streams: Arc<Streams>,
    /// What whoever streams is counted as.
    client: Option<Arc<str>>,
}

impl Ticket {
    /// The same, counted among the clients that call themselves so.
    #[must_use]
    pub fn of(mut self, agent: &str) -> Self {
        self.client.get_or_insert_with(|| self.streams.clients.came(agent));
        self
    }

    /// Its seat.
    #[must_use]
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Whether the stream has to end.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.streams.draining()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            self.streams.clients.left(client);
        }
        self.streams.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One namespace that somebody streams; it may not exist yet.
#[derive(Debug)]
pub struct Place {
    /// Key of the namespace.
    pub namespace: Arc<str>,
    seats: Row,
    /// When its namespace changed last: the number of a publish.
    changed: AtomicU64,
    frames: ArcSwapOption<Frames>,
}

impl Place {
    /// A place where nobody sits.
    #[must_use]
    pub fn new(namespace: Arc<str>) -> Self {
        Self { namespace, seats: Row::default(), changed: AtomicU64::new(0), frames: ArcSwapOption::empty() }
    }

    /// Wakes `seat` from now on when the namespace changes.
    pub fn sit(&self, seat: &Arc<Seat>) {
        self.seats.add(seat);
    }

    /// Notes that the namespace changes with the publish of this number.
    pub fn changed(&self, generation: u64) {
        self.changed.store(generation, Ordering::Release);
    }

    /// How many of those here have what was current at the publish `since`.
    #[must_use]
    pub fn seen(&self, since: u64) -> Seen {
        let needed = since.min(self.changed.load(Ordering::Acquire)).max(1);
        self.seats.lock().iter().filter_map(Weak::upgrade).fold(Seen::default(), |seen, seat| {
            let has = seat.told.load(Ordering::Acquire) >= needed;
            Seen { by: seen.by + usize::from(has), of: seen.of + 1 }
        })
    }

    /// Wakes everybody here.
    pub fn wake(&self) {
        self.seats.wake(|_| true);
    }

    /// The events that tell of `namespace`, encoded once for all who sit here.
    #[must_use]
    pub fn frames(&self, namespace: &Arc<Namespace>) -> Arc<Frames> {
        if let Some(frames) = &*self.frames.load()
            && Arc::ptr_eq(&frames.of, namespace)
        {
            return frames.clone();
        }
        // Two streams may both get here; the second to store wins and both have the right bytes.
        let frames = Arc::new(Frames { of: namespace.clone(), ..Frames::empty() });
        self.frames.store(Some(frames.clone()));
        frames
    }
}

/// One state of a namespace as streams tell it; each form is made when first asked for.
#[derive(Debug)]
pub struct Frames {
    of: Arc<Namespace>,
    event: std::sync::OnceLock<Bytes>,
    line: std::sync::OnceLock<Bytes>,
}

impl Frames {
    fn empty() -> Self {
        Self { of: Arc::default(), event: std::sync::OnceLock::new(), line: std::sync::OnceLock::new() }
    }

    /// The server-sent event: what changed is fetched anew by the client.
    pub fn event(&self) -> Bytes {
        self.event
            .get_or_init(|| {
                let digest = &*self.of.digest;
                let id = digest.get(..9).unwrap_or(digest);
                Bytes::from(format!("id: {id}\ndata: {{\"etag\":\"{digest}\",\"type\":\"refetchEvaluation\"}}\n\n"))
            })
            .clone()
    }

    /// The line of JSON that carries the whole snapshot.
    pub fn line(&self) -> Bytes {
        self.line
            .get_or_init(|| {
                let snapshot = self.of.client_snapshot();
                let mut line = Vec::with_capacity(snapshot.len() + 12);
                line.extend_from_slice(b"{\"result\":");
                line.extend_from_slice(&snapshot);
                line.extend_from_slice(b"}\n");
                Bytes::from(line)
            })
            .clone()
    }
}
