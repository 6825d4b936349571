{{ config(tags=['cold'], incremental_strategy='insert_new') }}

{{ accounted_loads(
    'job_tracking',
    ref('stg_job_tracking__events'),
    ref('int_job_events'),
    ref('int_job_tracking__rejected'),
    compared=['event_at', 'custom_track', 'job_id', 'publisher_id', 'campaign_id', 'group_id', 'bid'],
) }}
