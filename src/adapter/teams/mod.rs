//! The Bot Connector and its token service over HTTP.
