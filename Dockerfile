# The dashboard, and with another command a worker or the scheduler (compose.yaml names them).
FROM python:3.12-slim

# torch and torchvision must come from one index. Without CUDA the image is gigabytes smaller; with it:
#   docker build --build-arg TORCH_INDEX=https://pypi.org/simple .
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision \
 && pip install --no-cache-dir -r requirements.txt

COPY dashboard.py pyproject.toml README.md LICENSE ./
COPY .streamlit .streamlit
COPY pages pages
COPY vae vae
# The scheduler and the workers find it too, from any folder.
RUN pip install --no-cache-dir --no-deps --editable .

RUN useradd --create-home --uid 1000 twins && mkdir /data && chown twins /data
USER twins
ENV VAE_DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8501

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["streamlit", "run", "dashboard.py", "--server.address", "0.0.0.0", "--server.headless", "true"]
