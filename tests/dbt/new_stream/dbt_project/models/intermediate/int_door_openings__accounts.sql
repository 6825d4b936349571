{{ config(incremental_strategy='insert_new') }}

{{ accounted_loads(
    'door_openings',
    ref('stg_door_openings__events'),
    ref('int_door_events'),
    ref('int_door_openings__rejected'),
    compared=['event_at', 'shop', 'visitors'],
) }}
