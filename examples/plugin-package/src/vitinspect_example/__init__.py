"""An example of a plug-in that is installed."""
