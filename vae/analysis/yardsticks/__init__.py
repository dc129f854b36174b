"""What runs are judged by when somebody asks: arrays and models in, numbers out."""
