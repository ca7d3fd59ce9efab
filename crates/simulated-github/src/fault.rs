//! What goes wrong, and with which request.

/// What is done instead of a plain answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// The request is done in full, and the connection closed without an answer.
    LoseAnswer,
    /// The request is done in full, and nothing is ever said.
    KeepAnswer,
    /// Nothing is done; the connection is closed.
    Cut,
    /// Nothing is done, and nothing is ever said.
    Hang,
    /// Nothing is done; this is the answer.
    Answer {
        /// Its status.
        status: u16,
        /// The `message` of its body.
        message: String,
        /// More headers.
        headers: Vec<(String, String)>,
    },
    /// Nothing is done; the answer is a 200 with a page that is no JSON.
    Page,
}

/// A rule about some requests.
#[derive(Clone, Debug)]
pub struct Fault {
    pub(crate) method: String,
    pub(crate) part: String,
    pub(crate) skip: u32,
    pub(crate) times: u32,
    pub(crate) act: Act,
}

impl Fault {
    /// For the next request with this method (any, if it is empty) whose path ends so.
    #[must_use]
    pub fn on(method: &str, path_end: &str, act: Act) -> Self {
        Self { method: method.to_owned(), part: path_end.to_owned(), skip: 0, times: 1, act }
    }

    /// After as many such requests have passed.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// So many times, one after the other.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn is_about(&self, method: &str, path: &str) -> bool {
        (self.method.is_empty() || self.method == method) && path.ends_with(&self.part)
    }
}

/// The act for a request, if a rule has one; the first that fits is used up by one.
pub(crate) fn due(faults: &mut Vec<Fault>, method: &str, path: &str) -> Option<Act> {
    let fault = faults.iter_mut().find(|fault| fault.is_about(method, path))?;
    if fault.skip > 0 {
        fault.skip -= 1;
        return None;
    }
    fault.times = fault.times.saturating_sub(1);
    let act = fault.act.clone();
    faults.retain(|fault| fault.times > 0);
    Some(act)
}
