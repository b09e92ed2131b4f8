"""What is put into the processes of a tracker from outside; nothing of it is in the product."""
