{{ config(tags=['cold'], incremental_strategy='insert_new', indexes=[{'columns': ['load_id']}]) }}

{{ rejected_events('web_logs', ref('stg_web_logs__requests'), key_text='event_id', time_text='timestamp_text') }}
