-- Each event of a device in a production shop is in one session, and a device's sessions are more than session_gap apart.
{{ sessions_at_fault(
    'product_views',
    ref('fct_product_sessions'),
    'device_key',
    ref('fct_product_events'),
    'device_id is not null and is_production and load_id <= ' ~ position_in(ref('int_product_sessions'), 'product_views'),
) }}
