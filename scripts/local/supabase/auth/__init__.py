"""The Auth API: users, sessions, tokens and mails, as GoTrue does it."""
