//! Secrets on their way over the border.

pub use steadfast::SecretText;

uniffi::custom_type!(
    /// A password, a one-time code, a token or another text that proves who somebody is. It is never logged, and what prints
    /// a record that holds one leaves it out.
    SecretText,
    String,
    {
        remote,
        lower: |secret| secret.expose().to_owned(),
        try_lift: |text| Ok(SecretText::new(text)),
    }
);
