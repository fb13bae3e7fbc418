//! An embedded server that answers as Mattermost does.
