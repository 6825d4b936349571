{{ config(tags=['cold'], incremental_strategy='insert_new') }}

{{ accounted_loads(
    'web_logs',
    ref('stg_web_logs__requests'),
    ref('int_web_requests'),
    ref('int_web_logs__rejected'),
    compared=['event_at', 'action', 'user_id', 'product_id', 'status_code', 'response_seconds'],
) }}
