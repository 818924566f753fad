"""What is shown, as pure functions from values to text. Every string of a value goes through `papin.safe`."""
