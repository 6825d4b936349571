{{ config(tags=['cold'], incremental_strategy='insert_new', indexes=[{'columns': ['load_id']}]) }}

{{ rejected_events('product_views', ref('stg_product_views__events'), key_text='event_id', time_text='time_stamp_text') }}
