//! The processes of applications: who they are, and what they know.

mod registry;
mod settled;

pub(crate) use registry::{
    Beat, Knowledge, NAMESPACE, Registered, Registration, Seat, Seen, allow_writes, beat, hold_lock, leave, look,
    register,
};
pub(crate) use settled::{Settled, settled};

/// What a process calls itself: the application, and the version of its build.
///
/// `migrate::instance!()` takes both from the package it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub(crate) application: String,
    pub(crate) version: String,
    pub(crate) session_names: Vec<String>,
}

impl Instance {
    /// An instance of `application` in this version. Whatever is not printable ASCII becomes `?`, as PostgreSQL has it in
    /// `application_name`.
    pub fn new(application: impl AsRef<str>, version: impl AsRef<str>) -> Instance {
        Instance {
            application: printable(application.as_ref()),
            version: printable(version.as_ref()),
            session_names: Vec::new(),
        }
    }

    /// Says that sessions with this `application_name` are this application's, beside those that carry
    /// [`Service::application_name`](crate::Service::application_name). For pools whose sessions have a fixed name.
    ///
    /// Such a session is taken for one of the instances that are registered: it does not close the gate of contract, and
    /// it does not tell a dead instance from one that lives.
    #[must_use]
    pub fn session_name(mut self, name: impl AsRef<str>) -> Instance {
        self.session_names.push(printable(name.as_ref()));
        self
    }

    /// The application.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// The version of the build.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// The program's file name, and no version.
impl Default for Instance {
    fn default() -> Instance {
        let program = std::env::current_exe().ok();
        let name = program.as_deref().and_then(|path| path.file_stem()).and_then(|name| name.to_str());
        Instance::new(name.unwrap_or("application"), "unversioned")
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
