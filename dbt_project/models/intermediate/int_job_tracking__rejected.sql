{{ config(tags=['cold'], incremental_strategy='insert_new', indexes=[{'columns': ['load_id']}]) }}

{{ rejected_events('job_tracking', ref('stg_job_tracking__events'), key_text='create_time_text', time_text='create_time_text') }}
