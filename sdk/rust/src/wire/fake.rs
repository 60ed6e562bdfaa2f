//! The proxy's part, played in memory for native tests: it keeps the heads, and refuses what the proxy refuses.

use std::cell::Cell;

use crate::edits::Edit;
use crate::{Client, Edits, HeaderName, Refusal};

mod grants;
mod rules;

#[cfg(feature = "tls")]
pub(crate) use grants::{certificate, connection, encrypt, names};
#[cfg(feature = "geo")]
pub(crate) use grants::{country, know, locate};
#[cfg(feature = "log")]
pub(crate) use grants::{log, logged};

/// Header lines and facts: what both heads have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    headers: Vec<(HeaderName, Vec<u8>)>,
    facts: Vec<(String, String)>,
    /// How often a filter asked or told the proxy something.
    pub(crate) calls: Cell<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) cluster: Option<String>,
    /// The clusters that are granted; `None` grants all.
    pub(crate) granted: Option<Vec<String>>,
    #[cfg(feature = "geo")]
    pub(crate) place: Option<crate::geo::Place>,
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) status: u16,
}

impl Request {
    pub(crate) fn client(&self) -> Client {
        self.head.count();
        #[cfg(feature = "geo")]
        know(self.client.address, self.place.clone());
        self.client
    }

    pub(crate) fn id(&self) -> String {
        self.head.count();
        self.id.clone()
    }

    pub(crate) fn method(&self) -> String {
        self.head.count();
        self.method.clone()
    }

    pub(crate) fn host(&self) -> String {
        self.head.count();
        self.host.clone()
    }

    pub(crate) fn path(&self) -> String {
        self.head.count();
        self.target.split('?').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn query(&self) -> Option<String> {
        self.head.count();
        self.target.split_once('?').map(|(_, query)| query.to_owned())
    }

    pub(crate) fn target(&self) -> String {
        self.head.count();
        self.target.clone()
    }

    pub(crate) fn set_path(&mut self, path_and_query: &str) -> Result<(), Refusal> {
        self.head.count();
        rules::target(path_and_query)?;
        path_and_query.clone_into(&mut self.target);
        Ok(())
    }

    pub(crate) fn route_to(&mut self, cluster: &str) -> Result<(), Refusal> {
        self.head.count();
        if self.granted.as_ref().is_some_and(|granted| !granted.iter().any(|name| name == cluster)) {
            return Err(Refusal::NotGranted);
        }
        self.cluster = Some(cluster.to_owned());
        Ok(())
    }
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.head.count();
        self.status
    }

    pub(crate) fn set_status(&mut self, status: u16) -> Result<(), Refusal> {
        self.head.count();
        rules::status(self.status, status)?;
        self.status = status;
        Ok(())
    }
}

/// What both heads can do.
macro_rules! head {
    ($head:ident) => {
        impl $head {
            pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
                self.head.count();
                self.head.header(name)
            }

            pub(crate) fn headers(&self) -> Vec<(HeaderName, Vec<u8>)> {
                self.head.count();
                self.head.headers.clone()
            }

            pub(crate) fn fact(&self, name: &str) -> Option<String> {
                self.head.count();
                self.head.facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            }

            pub(crate) fn set_header(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
                self.head.count();
                self.head.edit(&Edit::Set(name, value.into()))
            }

            pub(crate) fn add_header(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
                self.head.count();
                self.head.edit(&Edit::Add(name, value.into()))
            }

            pub(crate) fn remove_header(&mut self, name: &str) -> Result<(), Refusal> {
                self.head.count();
                self.head.edit(&Edit::Remove(name))
            }

            pub(crate) fn apply(&mut self, edits: &Edits<'_>) -> Result<(), Refusal> {
                self.head.count();
                self.head.apply(edits.as_slice())
            }
        }
    };
}

head!(Request);
head!(Response);

impl Head {
    fn count(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    /// A line as it came from the network, or from an upstream: may have any legal name.
    pub(crate) fn receive(&mut self, name: HeaderName, value: Vec<u8>) {
        // RFC 9113 section 8.2.3: whoever passes a request on makes one line of its cookies.
        if name == "cookie"
            && let Some((_, line)) = self.headers.iter_mut().find(|(known, _)| *known == name)
        {
            line.extend_from_slice(b"; ");
            line.extend_from_slice(&value);
            return;
        }
        self.headers.push((name, value));
    }

    fn header(&self, name: &str) -> Option<Vec<u8>> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.clone())
    }

    fn apply(&mut self, edits: &[Edit<'_>]) -> Result<(), Refusal> {
        if edits.len() > rules::EDITS_MAX {
            return Err(Refusal::TooLarge);
        }
        let mut next = self.clone();
        edits.iter().try_for_each(|edit| next.edit(edit))?;
        *self = next;
        Ok(())
    }

    pub(crate) fn edit(&mut self, edit: &Edit<'_>) -> Result<(), Refusal> {
        match edit {
            Edit::Set(name, value) => {
                let name = rules::header(name, value)?;
                let mut next = self.headers.clone();
                next.retain(|(known, _)| *known != name);
                next.push((name, value.to_vec()));
                self.keep(next)
            }
            Edit::Add(name, value) => {
                let mut next = self.headers.clone();
                next.push((rules::header(name, value)?, value.to_vec()));
                self.keep(next)
            }
            Edit::Remove(name) => {
                let name = rules::editable(name)?;
                self.headers.retain(|(known, _)| *known != name);
                Ok(())
            }
            Edit::RemoveLike(pattern) => {
                let meant = rules::name_pattern(pattern)?;
                self.headers
                    .retain(|(known, _)| known.is_reserved() || !meant.matches(Some(known.as_bytes())));
                Ok(())
            }
            Edit::Fact(name, value) => self.leave(name, value),
        }
    }

    fn keep(&mut self, next: Vec<(HeaderName, Vec<u8>)>) -> Result<(), Refusal> {
        rules::growth(&self.headers, &next)?;
        self.headers = next;
        Ok(())
    }

    fn leave(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        rules::fact(name, value)?;
        let full = self.facts.len() >= rules::FACTS_MAX;
        match self.facts.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None if full => return Err(Refusal::TooLarge),
            None => self.facts.push((name.to_owned(), value.to_owned())),
        }
        Ok(())
    }
}
