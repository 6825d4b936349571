"""The foundation: settings, errors, logs, words, the state folder, processes. It knows no other room."""
