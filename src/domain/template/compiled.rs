//! Texts in the form in which minijinja runs them.
//!
//! That form takes some 13 KiB for a text of one word, so ten thousand schedules would hold more than a hundred MiB of it,
//! and only the few that are being sent need it. So it is made when a text is rendered, and each thread keeps those that it
//! rendered last: all messages of a wave are rendered from one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use minijinja::{Environment, Error};

use super::{Form, RULES};

/// How many texts a thread keeps. Schedules are claimed by turns, so those that are sent at one time take turns here, too.
const KEPT: usize = 16;

struct Kept {
    text: Arc<str>,
    form: Form,
    environment: Rc<Environment<'static>>,
}

thread_local! {
    /// The one that was rendered last comes first.
    static RECENT: RefCell<VecDeque<Kept>> = const { RefCell::new(VecDeque::new()) };
}

/// An environment that holds this one text, under the name of its form. The rules and filters in it are shared by all.
pub(super) fn compile(text: &str, form: Form) -> Result<Environment<'static>, Error> {
    let mut environment = RULES.clone();
    environment.add_template_owned(form.name(), text.to_owned())?;
    Ok(environment)
}

/// The same, compiled by this thread before, if it was not long ago.
pub(super) fn recall(text: &Arc<str>, form: Form) -> Result<Rc<Environment<'static>>, Error> {
    RECENT.with_borrow_mut(|recent| {
        let is_it = |kept: &Kept| Arc::ptr_eq(&kept.text, text) && kept.form == form;
        if let Some(kept) = recent.iter().position(is_it).and_then(|at| recent.remove(at)) {
            let environment = Rc::clone(&kept.environment);
            recent.push_front(kept);
            return Ok(environment);
        }
        let environment = Rc::new(compile(text, form)?);
        recent.truncate(KEPT - 1);
        recent.push_front(Kept { text: Arc::clone(text), form, environment: Rc::clone(&environment) });
        Ok(environment)
    })
}
