"""A class of visitors without browsers: they speak Streamlit's own protocol, as thirty browsers would not fit here."""
