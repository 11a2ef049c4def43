"""Random client sessions against two servers, held to each other. README.md has the reading order."""
