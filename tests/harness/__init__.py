"""What tests share: a tracker as a process, clients, the real traffic."""
