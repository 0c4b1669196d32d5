"""What Scrip costs and how fast it is, each figure beside a floor: for people, not for tests."""
