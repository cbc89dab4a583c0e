"""The app in a notebook cell, over the widget's messages: no port, the same interface."""
