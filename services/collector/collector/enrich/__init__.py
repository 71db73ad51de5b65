"""What the server adds to an event: address, place, user agent, bot signals, duplicates, privacy."""
