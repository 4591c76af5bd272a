//! What somebody wants, said by the operator.

use crate::domain::consent::{Choice, Topic, Way};
use crate::domain::nearest::nearest;
use crate::domain::news::Who;
use crate::domain::schedule::model::Target;
use crate::domain::schedule::parse::read_target;
use crate::engine::desk::FrontDesk;
use crate::port::desk::{ConsentRequest, DeskError};

impl FrontDesk {
    pub(super) async fn choose(&self, request: ConsentRequest) -> Result<bool, DeskError> {
        let who = who(&request.who)?;
        let topic = match &request.topic {
            None => None,
            Some(topic) => Some(self.topic(topic).await?),
        };
        let choice = Choice { wish: request.wish, topic, way: Way::Operator, at: self.clock.now() };
        let changed = self.store.choose(who, choice).await?;
        changed.ok_or_else(|| {
            let words = format!("nobody is known as {}; `nudged people list` shows who is", request.who.trim());
            DeskError::NotFound(words)
        })
    }

    /// The topic of this name, as a schedule in force has it.
    async fn topic(&self, name: &str) -> Result<Topic, DeskError> {
        let catalog = self.catalog().await?;
        let topics = catalog.schedules.values().map(|schedule| &schedule.topic);
        if let Some(topic) = Topic::new(name).filter(|topic| topics.clone().any(|known| known == topic)) {
            return Ok(topic);
        }
        Err(DeskError::NotFound(match nearest(name, topics.map(Topic::as_str)) {
            Some(near) => format!("no schedule has the topic \"{name}\"; did you mean \"{near}\"?"),
            None => {
                format!("no schedule has the topic \"{name}\"; a schedule's topic is its name, unless it says another")
            }
        }))
    }
}

/// One person, chat or channel.
fn who(text: &str) -> Result<Who, DeskError> {
    let target =
        read_target(text).map_err(|refused| DeskError::BadRequest(format!("{}; {}", refused.message, refused.help)))?;
    match target {
        Target::Person(address) => Ok(Who { conversation_id: None, addresses: vec![address] }),
        Target::Conversation(address) => {
            Ok(Who { conversation_id: Some(address.to_string()), addresses: vec![address] })
        }
        Target::Everyone | Target::Group(_) | Target::Team(_) | Target::Event(_) => Err(DeskError::BadRequest(
            format!("{} is not one recipient; name one person, chat or channel", text.trim()),
        )),
    }
}
