default_app_config: str
