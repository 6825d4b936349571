{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date'],
    indexes=[{'columns': ['campaign_id', 'event_date']}],
    meta={'event_day': 'event_date'},
) }}

{{ job_tracks_per_day('campaign_id') }}
