//! Programs that stay between turns: one a bot and command.

use std::{cell::RefCell, collections::HashMap, rc::Rc, time::Duration};

use tokio::sync::Mutex;

use crate::{
    base::BotId,
    handlers::{
        process::{Exec, ExecError},
        worker::Worker,
    },
};

/// Those that run, or will when they are needed.
#[derive(Debug, Default)]
pub(super) struct Workers(RefCell<HashMap<Which, Rc<Mutex<Worker>>>>);

/// Whose, and its command.
type Which = (BotId, Vec<String>);

impl Workers {
    /// One turn of a bot's program; turns wait for one another.
    pub(super) async fn turn(
        &self,
        bot: &BotId,
        exec: Exec,
        input: &[u8],
        limit: Duration,
    ) -> Result<Vec<u8>, ExecError> {
        let key = (bot.clone(), exec.command.clone());
        let worker =
            Rc::clone(self.0.borrow_mut().entry(key).or_insert_with(|| Rc::new(Mutex::new(Worker::new(exec.clone())))));
        let mut worker = worker.lock().await;
        if !worker.is_of(&exec) {
            // Its folder or a secret has changed: the one that runs knows the former.
            *worker = Worker::new(exec);
        }
        worker.turn(input, limit).await
    }

    /// The bot is gone, or about to start anew: its programs end as soon as none of them is in a turn.
    pub(super) fn forget(&self, bot: &BotId) {
        self.0.borrow_mut().retain(|(of, _), _| of != bot);
    }
}
