"""What each method is: its id, title, paper and parameters. No torch here; the code is one folder up."""
